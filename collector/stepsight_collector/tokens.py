"""Where tokens come from: the tokens file and two environment variables.

TOML in, `Credentials` and quotas out, with every problem said at once and no token in any message.
Format: docs/how-to/secure-the-collector.md.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import tomllib

from stepsight_collector.access import (
    ALL_PROJECTS,
    DEFAULT_PROJECT,
    Credentials,
    Role,
    Token,
    digest,
)
from stepsight_collector.errors import ConfigError
from stepsight_collector.receivers.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stepsight_collector.settings import Settings

__all__ = ["Doors", "load_doors"]

_MIN_TOKEN_CHARS = 16
_SHA256_HEX_CHARS = 64
_MAX_PROJECT_CHARS = 128
_TOKEN_FIELDS = ("name", "project", "role", "token", "token_sha256", "instrumentation_key")
_PROJECT_FIELDS = ("name", "bytes_per_s", "records_per_s", "ids")


@dataclass(frozen=True, slots=True)
class Doors:
    """What the file and the environment say: who may enter, and how much a project may send."""

    credentials: Credentials
    quotas: dict[str, Quota] = field(default_factory=dict)


def load_doors(settings: Settings) -> Doors:
    """Read the tokens file, if there is one, and the tokens in the settings.

    Raises `ConfigError` with every problem found. May block on the disk.
    """
    problems: list[str] = []
    tokens: list[Token] = []
    keys: list[Token] = []
    quotas: dict[str, Quota] = {}
    ids: dict[str, str] = {}
    for name, text, project, role in (
        ("STEPSIGHT_WRITE_TOKEN", settings.write_token, DEFAULT_PROJECT, "write"),
        ("STEPSIGHT_READ_TOKEN", settings.read_token, ALL_PROJECTS, "read"),
    ):
        if text:
            problem = _token_problem(text)
            problems += [f"{name} {problem}."] if problem else []
            tokens.append(Token(name, project, cast("Role", role), digest(text)))
    if settings.tokens_file is not None:
        document = _read(settings.tokens_file, problems)
        say = _speaker(settings.tokens_file, problems)
        for number, entry in enumerate(_tables(document, "tokens", say), 1):
            _add_entry(entry, number, tokens, keys, say)
        for number, entry in enumerate(_tables(document, "projects", say), 1):
            _add_project(entry, number, quotas, ids, say)
        if document is not None and not (tokens or keys) and not problems:
            say("has no [[tokens]]: nobody could write or read. Add one, or leave the file out")
    _check_unique(tokens, keys, problems)
    if problems:
        raise ConfigError(problems)
    credentials = Credentials(tuple(tokens), tuple(keys), settings.accept_unknown_keys, ids)
    return Doors(credentials, quotas)


def _read(file: Path, problems: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        problems.append(f"The tokens file {file} cannot be read: {exc.strerror}.")
    except UnicodeDecodeError as exc:
        problems.append(f"The tokens file {file} is not UTF-8 at byte {exc.start}.")
    except tomllib.TOMLDecodeError as exc:
        # The parser's message names a place; the text there may be a token and is not shown.
        place = str(exc).rpartition("(")[2].rstrip(")")
        problems.append(f"The tokens file {file} is not TOML ({place}).")
    return None


def _speaker(file: Path, problems: list[str]) -> Callable[[str], None]:
    def say(problem: str) -> None:
        problems.append(f"The tokens file {file} {problem}.")

    return say


def _tables(
    document: dict[str, Any] | None, name: str, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    entries = (document or {}).get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        say(f"must have {name} as a list of tables, write [[{name}]]")
        return []
    return entries


def _add_entry(
    entry: dict[str, Any],
    number: int,
    tokens: list[Token],
    keys: list[Token],
    say: Callable[[str], None],
) -> None:
    """Check one of `[[tokens]]` and add what it opens."""
    name, key = entry.get("name"), entry.get("instrumentation_key")
    hashed, problem = _digest_of(entry)
    bad = _unknown_fields(entry, _TOKEN_FIELDS) + _belonging_problems(entry)
    bad += [problem] if problem else []
    if hashed is None and key is None and not problem:
        bad.append('none of "token", "token_sha256" and "instrumentation_key"')
    where = f'has in token "{name}"' if isinstance(name, str) and name else f"has in token {number}"
    for one in bad:
        say(f"{where} {one}")
    if bad:
        return
    project, role = entry["project"], entry.get("role", "write")
    if hashed is not None:
        tokens.append(Token(str(name), project, role, hashed))
    if key is not None:
        keys.append(Token(str(name), project, "write", digest(key.strip().lower())))


def _belonging_problems(entry: dict[str, Any]) -> list[str]:
    """Say what is wrong with whose an entry is and what it is for."""
    bad = []
    name, project, role = entry.get("name"), entry.get("project"), entry.get("role", "write")
    key = entry.get("instrumentation_key")
    if not isinstance(name, str) or not name:
        bad.append('no "name", which log lines and errors call it by')
    if not isinstance(project, str) or not 0 < len(project) <= _MAX_PROJECT_CHARS:
        bad.append(f'no "project" of 1 to {_MAX_PROJECT_CHARS} characters')
    if role not in ("write", "read"):
        bad.append('a "role" that is neither "write" nor "read"')
    if project == ALL_PROJECTS and role == "write":
        bad.append('project "*" with role "write": a write token belongs to one project')
    if key is not None and (not isinstance(key, str) or not key.strip() or role != "write"):
        bad.append('an "instrumentation_key" that is not text, or a role other than "write"')
    return bad


def _digest_of(entry: dict[str, Any]) -> tuple[bytes | None, str]:
    """Return the digest that an entry holds, and what is wrong with it."""
    text, hashed = entry.get("token"), entry.get("token_sha256")
    if text is not None and hashed is not None:
        return None, 'both "token" and "token_sha256": keep one'
    if text is not None:
        problem = _token_problem(text)
        return (None, f'a "token" that {problem}') if problem else (digest(text), "")
    if hashed is None:
        return None, ""
    try:
        is_whole = isinstance(hashed, str) and len(hashed) == _SHA256_HEX_CHARS
        return (bytes.fromhex(hashed), "") if is_whole else (None, _NOT_A_DIGEST)
    except ValueError:
        return None, _NOT_A_DIGEST


_NOT_A_DIGEST = 'a "token_sha256" that is not 64 hex digits'


def _token_problem(text: Any) -> str:
    """Say what is wrong with a token, without showing it."""
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        return "must be printable ASCII text without spaces"
    if len(text) < _MIN_TOKEN_CHARS:
        return f"must have at least {_MIN_TOKEN_CHARS} characters, has {len(text)}"
    return ""


def _add_project(
    entry: dict[str, Any],
    number: int,
    quotas: dict[str, Quota],
    ids: dict[str, str],
    say: Callable[[str], None],
) -> None:
    """Check one of `[[projects]]` and add its quota and its ids."""
    name = entry.get("name")
    bad = _unknown_fields(entry, _PROJECT_FIELDS)
    if not isinstance(name, str) or not name or name in quotas:
        bad.append('no "name" of its own')
    rates = [entry.get(field_name, 0) for field_name in _PROJECT_FIELDS[1:3]]
    if not all(
        isinstance(rate, int) and not isinstance(rate, bool) and rate >= 0 for rate in rates
    ):
        bad.append("a rate that is no whole number of at least 0 (0 means without limit)")
    bad += _id_problems(entry.get("ids", []), ids)
    for one in bad:
        say(f"has in project {number} {one}")
    if not bad:
        if any(field_name in entry for field_name in _PROJECT_FIELDS[1:3]):
            quotas[str(name)] = Quota(*rates)
        ids.update({_folded(each): str(name) for each in entry.get("ids", [])})


def _id_problems(given: Any, ids: dict[str, str]) -> list[str]:
    """Say what is wrong with the ids by which query clients know a project."""
    if not isinstance(given, list) or not all(
        isinstance(each, str) and each.strip() for each in given
    ):
        return ['"ids" that are no list of texts']
    taken = [each for each in given if _folded(each) in ids]
    return [f'the id "{each}", which "{ids[_folded(each)]}" has' for each in taken]


def _folded(name: str) -> str:
    return name.strip().strip("/").lower()


def _unknown_fields(entry: dict[str, Any], known: tuple[str, ...]) -> list[str]:
    problems = []
    for name in entry.keys() - set(known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f'did you mean "{close[0]}"?' if close else "known are " + ", ".join(known)
        problems.append(f'an unknown field "{name}": {hint}')
    return problems


def _check_unique(tokens: list[Token], keys: list[Token], problems: list[str]) -> None:
    """Refuse one secret with two meanings: which of them holds would be a matter of order."""
    for kind, entries in (("token", tokens), ("instrumentation key", keys)):
        seen: dict[bytes, Token] = {}
        for entry in entries:
            first = seen.setdefault(entry.digest, entry)
            if first is not entry:
                problems.append(
                    f'"{first.name}" and "{entry.name}" have the same {kind}: give each its own.'
                )
