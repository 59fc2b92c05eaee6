"""KQL cut into coloured pieces: what the prompt and the error reports need to know of a text.

No parser: whether a query is right is for the collector to say (`/api/kql/check`). Every character
of a text is in exactly one token, so that broken text is coloured too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Token", "is_complete", "tokens"]

_OPERATORS = """
as consume count distinct evaluate extend facet find fork getschema invoke join limit lookup
make-series mv-apply mv-expand order parse parse-kv parse-where partition print project project-away
project-keep project-rename project-reorder range reduce render sample sample-distinct scan search
serialize sort summarize take top top-nested union where datatable filter
"""
_WORDS = """
and or not in has contains startswith endswith between by on asc desc nulls first last with kind to
from step default of let declare query_parameters set matches regex materialize has_cs contains_cs
startswith_cs endswith_cs has_any has_all hasprefix hassuffix typeof true false null inner
innerunique leftouter rightouter fullouter leftanti leftsemi rightanti rightsemi withsource isfuzzy
"""
_TYPES = """
bool boolean int long real double decimal string datetime date timespan time guid dynamic
"""
OPERATORS, WORDS, TYPES = (frozenset(text.split()) for text in (_OPERATORS, _WORDS, _TYPES))
_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>//[^\n]*)
    | (?P<string>[hH]?@?(?:```.*?(?:```|\Z) | "(?:\\.|[^"\\\n])*"? | '(?:\\.|[^'\\\n])*'?))
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[a-zA-Z]*)
    | (?P<word>!?[A-Za-z_@$][\w$]*(?:-(?:series|apply|expand|kv|where|away|keep|rename|reorder|
        distinct|nested))?~?)
    | (?P<pipe>\|)
    | (?P<sign>==|!=|<=|>=|=~|!~|=>|\.\.|[-+*/%<>=])
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<end>;)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# After one of these a query goes on, whatever comes.
_GOES_ON_WORDS = frozenset({"and", "or", "by", "on", "in", "has", "contains", "between", "with"})
_CALL = re.compile(r"\s*\(")


@dataclass(frozen=True)
class Token:
    """A piece of the text and what it is.

    `kind` is space, comment, string, number, operator, word (of the language), type, function,
    name, pipe, sign, open, close, end or other.
    """

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + len(self.text)


def tokens(text: str) -> Iterator[Token]:
    """The pieces of a text in order; together they are the text."""
    before = ""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind == "word":
            kind = _kind_of(match[0], before, text, match.end())
        yield Token(kind, match[0], match.start())
        if kind not in {"space", "comment"}:
            before = match[0]


def _kind_of(word: str, before: str, text: str, end: int) -> str:
    """What a word is: an operator only where one may stand, a function where it is called."""
    if word in OPERATORS and before in {"", "|", "(", ";", "="}:
        return "operator"
    if before == ".":
        return "name"
    if word.lstrip("!").rstrip("~") in WORDS:
        return "word"
    if word in TYPES:
        return "type"
    return "function" if _CALL.match(text, end) else "name"


def is_complete(text: str) -> bool:
    r"""Whether Enter may run a text: nothing is open, and its end does not ask for more.

    >>> is_complete("traces"), is_complete("traces |"), is_complete("print f(1,\n")
    (True, False, False)
    """
    found = [token for token in tokens(text) if token.kind not in {"space", "comment"}]
    if not found:
        return True
    depth = sum((token.kind == "open") - (token.kind == "close") for token in found)
    last = found[-1]
    asks = last.kind == "pipe" or last.text == "," or (last.kind == "sign" and last.text != "*")
    if depth > 0 or asks:
        return False
    if last.text.startswith("```") and not last.text.endswith("```"):
        return False
    if last.kind == "end":  # after let statements the query itself is still to come
        return not _closes_statement(found)
    return not (last.kind in {"word", "operator"} and last.text in _GOES_ON_WORDS)


def _closes_statement(found: list[Token]) -> bool:
    """Whether what the last `;` closes is a let, a set or a declare."""
    ends = [n for n, token in enumerate(found[:-1]) if token.kind == "end"]
    return found[ends[-1] + 1 if ends else 0].text in {"let", "set", "declare"}
