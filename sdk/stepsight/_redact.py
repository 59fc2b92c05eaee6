"""Secrets taken out of what is recorded about a process: its arguments and its variables.

Log lines and printed text are not looked at: they are the user's own words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight._settings import Settings

__all__ = ["HIDDEN", "Redactor"]

HIDDEN = "***"
# A shorter word is looked for as a whole: "token" is in "tokenizer", "auth" in "author".
_PART_OF_A_WORD = 6
_KEYS = (
    "password|pwd|accountkey|sharedaccesskey|sharedaccesssignature|sharedsecretissuer"
    "|clientsecret|client_secret|accesskey|instrumentationkey"
)
_QUERY = (
    "sig|signature|token|access_token|id_token|refresh_token|api_key|apikey|key|code|password"
    "|secret|client_secret|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature"
)
# What is kept of a match is its group 1; sources: the issuers' own documented prefixes.
_VALUES = (
    r"([a-z][a-z0-9+.-]*://[^/\s:@]*:)[^/\s@]+(?=@)",  # user:password@host
    r"([a-z][a-z0-9+.-]*://)[^/\s:@]{16,}(?=@)",  # token@host
    rf"(\b(?:{_KEYS})\s*=\s*)[^;&\s\"']+",  # a connection string's pair
    rf"([?&](?:{_QUERY})=)[^&\s\"']+",  # a query's, such as an SAS
    r"()\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",  # AWS access key id
    r"()\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",  # JSON web token
    r"()\bgh[pousr]_\w{20,}|()\bgithub_pat_\w{20,}|()\bglpat-[\w-]{16,}",
    r"()\bhf_[A-Za-z0-9]{20,}|()\bsk-[\w-]{20,}|()\bxox[abeprs]-[\w-]{10,}",
    r"()\bAIza[\w-]{35}|()\bdapi[0-9a-f]{32}|()\bya29\.[\w-]{20,}",
    r"(\bBearer\s+)[\w.~+/=-]{8,}|(\bBasic\s+)[A-Za-z0-9+/=]{8,}",
    r"()-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
)


class Redactor:
    """Knows secrets by the name that they go by and by how they look."""

    def __init__(self, names: str, values: str = "") -> None:
        self._words = frozenset(_squeezed(word) for word in names.split(",") if word.strip())
        self._values = [re.compile(pattern, re.IGNORECASE) for pattern in _VALUES]
        if values:
            self._values.append(re.compile(values))

    @classmethod
    def of(cls, settings: Settings) -> Redactor:
        """The redactor that the settings ask for."""
        return cls(settings.redact_names, settings.redact_values)

    def is_secret(self, name: str) -> bool:
        """Whether a variable or option of this name holds a secret.

        >>> redactor = Redactor("token,api_key,secret")
        >>> [redactor.is_secret(name) for name in ("HF_TOKEN", "tokenizer", "--apiKey", "MYSECRET")]
        [True, False, True, True]
        """
        words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
        parts = frozenset(re.split(r"[^a-z0-9]+", words))
        whole = _squeezed(words)
        return any(
            word in parts or (len(word) >= _PART_OF_A_WORD and word in whole)
            for word in self._words
        )

    def text(self, text: str) -> str:
        """The text without what looks like a secret.

        >>> Redactor("").text("postgres://me:hunter2@db/x?sslmode=on")
        'postgres://me:***@db/x?sslmode=on'
        """
        for pattern in self._values:
            text = pattern.sub(_hide, text)
        return text

    def named(self, name: str, value: str) -> str:
        """A variable's value, or only that there is one."""
        return HIDDEN if value and self.is_secret(name) else self.text(value)

    def arguments(self, arguments: Iterable[str]) -> list[str]:
        """A command line: `--password x`, `--password=x` and `PASSWORD=x` go without their x."""
        shown: list[str] = []
        hides_next = False
        for argument in arguments:
            name, separator, value = argument.partition("=")
            if hides_next and not argument.startswith("-"):
                shown.append(HIDDEN)
                hides_next = False
                continue
            is_option = argument.startswith("-")
            hides_next = is_option and not separator and self.is_secret(name)
            if separator and re.fullmatch(r"-{0,2}[\w.-]+", name):
                shown.append(f"{name}={self.named(name, value)}" if value else argument)
            else:
                shown.append(self.text(argument))
        return shown

    def command_line(self, arguments: Iterable[str]) -> str:
        """The same as one line."""
        return " ".join(self.arguments(arguments))


def _squeezed(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _hide(match: re.Match[str]) -> str:
    kept = next((group for group in match.groups() if group), "")
    return f"{kept}{HIDDEN}"
