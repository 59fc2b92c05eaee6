"""The operators on texts: `has` and its family, `contains`, `startswith`, `matches regex`.

A word is a run of ASCII letters and digits and of any characters outside of ASCII, as the store's
word index has it. A needle that is one ASCII word is looked up in the index, `lower(text)`; of any
other needle the index serves the longest word, and a bounded match decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import text_sql
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.literals import bind_text, is_constant
from stepsight_collector.kql.regex import describe_fault, for_engine
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.scope import Scope

__all__ = ["MATCHERS", "bind_match", "has_word", "is_match_operator"]

T = ScalarType
_WORD: Final = re.compile(r"[0-9A-Za-z\u0080-\U0010ffff]+")
_BEFORE: Final = r"(?:^|[^0-9A-Za-z\x{80}-\x{10FFFF}])"
_AFTER: Final = r"(?:$|[^0-9A-Za-z\x{80}-\x{10FFFF}])"


def is_match_operator(operator: str) -> bool:
    """Whether an operator is of this module, in any of its spellings."""
    return operator == "matches regex" or _plain_name(operator)[0] in MATCHERS


def bind_match(node: syntax.Binary, left: Bound, right: Bound, scope: Scope) -> Bound:
    """`left operator right`, both bound; never null."""
    for each in (left, right):
        if has_failed(each):
            return each
    if left.type not in {T.STRING, T.DYNAMIC, T.GUID}:
        message = f'"{node.operator}" looks into a text, found a {left.type.value}'
        return fail(
            scope, "wrong_type", message, node.operator_span, "Write tostring(…) before it."
        )
    if node.operator == "matches regex":
        return _matches(node, left, right, scope)
    name, is_negated, has_case = _plain_name(node.operator)
    if right.type is T.DYNAMIC and right.form is Form.MAP:
        return fail(
            scope,
            "wrong_type",
            f'"{node.operator}" takes a text on its right, found a bag',
            node.operator_span,
        )
    sql = MATCHERS[name](text_sql(left), right, scope, has_case)
    return Bound(T.BOOL, f"(NOT {sql})" if is_negated else sql, is_nullable=False)


def _plain_name(operator: str) -> tuple[str, bool, bool]:
    """The operator without `!` and `_cs`, and whether it had them."""
    name = operator.removeprefix("!")
    return name.removesuffix("_cs"), operator.startswith("!"), name.endswith("_cs")


def _matches(node: syntax.Binary, left: Bound, right: Bound, scope: Scope) -> Bound:
    if is_constant(right):
        pattern = str(right.constant)
        fault = describe_fault(pattern)
        if fault:
            message = f"this is not a regular expression: {fault}"
            return fail(scope, "bad_value", message, node.right.span)
        sql = bind_text(scope, for_engine(pattern))
    else:
        sql = f"concat('(?-s)', {text_sql(right)})"
    return Bound(T.BOOL, f"match({text_sql(left)}, {sql})", is_nullable=False)


# --------------------------------------------------------------------------------------- words


def has_word(text: str, needle: Bound, scope: Scope, has_case: bool) -> str:
    """Whether the needle stands in the text as whole words."""
    if not is_constant(needle):
        return _bounded(text, text_sql(needle), has_case, _BEFORE, _AFTER)
    word = str(needle.constant) if needle.constant is not None else ""
    if not word:
        return "1"
    if word.isascii() and word.isalnum():
        lowered = f"hasToken(lower({text}), {bind_text(scope, word.lower())})"
        if not has_case or word.isdigit():
            return lowered
        return f"({lowered} AND hasToken({text}, {bind_text(scope, word)}))"
    return _has_phrase(text, word, scope, has_case)


def _has_phrase(text: str, phrase: str, scope: Scope, has_case: bool) -> str:
    starts, ends = _WORD.match(phrase), _WORD.fullmatch(phrase[-1])
    pattern = (_BEFORE if starts else "") + _quote(phrase) + (_AFTER if ends else "")
    bounded = f"match({text}, {bind_text(scope, ('' if has_case else '(?i)') + pattern)})"
    words = [word for word in _WORD.findall(phrase) if word.isascii()]
    if not words:
        return bounded
    longest = max(words, key=len).lower()
    return f"(hasToken(lower({text}), {bind_text(scope, longest)}) AND {bounded})"


def _has_prefix(text: str, needle: Bound, scope: Scope, has_case: bool) -> str:
    return _edge(text, needle, scope, has_case, (_BEFORE, ""))


def _has_suffix(text: str, needle: Bound, scope: Scope, has_case: bool) -> str:
    return _edge(text, needle, scope, has_case, ("", _AFTER))


def _edge(text: str, needle: Bound, scope: Scope, has_case: bool, ends: tuple[str, str]) -> str:
    if not is_constant(needle):
        return _bounded(text, text_sql(needle), has_case, *ends)
    word = str(needle.constant or "")
    if not word:
        return "1"
    before = ends[0] if _WORD.match(word) else ""
    after = ends[1] if _WORD.match(word[-1]) else ""
    pattern = ("" if has_case else "(?i)") + before + _quote(word) + after
    return f"match({text}, {bind_text(scope, pattern)})"


def _bounded(text: str, needle: str, has_case: bool, before: str, after: str) -> str:
    """The match with a needle that a row brings."""
    start, end = (each.replace("\\", "\\\\") for each in (before, after))
    flags = "" if has_case else "(?i)"
    return f"match({text}, concat('{flags}{start}', regexpQuoteMeta({needle}), '{end}'))"


def _quote(text: str) -> str:
    """The text as an RE2 pattern for itself."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


# ----------------------------------------------------------------------------------- substrings


def _contains(text: str, needle: Bound, scope: Scope, has_case: bool) -> str:
    if has_case:
        return f"(position({text}, {text_sql(needle)}) > 0)"
    if not is_constant(needle):
        return f"(positionUTF8(lowerUTF8({text}), lowerUTF8({text_sql(needle)})) > 0)"
    word = str(needle.constant or "")
    name = "positionCaseInsensitive" if word.isascii() else "positionCaseInsensitiveUTF8"
    return f"({name}({text}, {bind_text(scope, word)}) > 0)"


def _starts(text: str, needle: Bound, _: Scope, has_case: bool) -> str:
    name = "startsWith" if has_case else "startsWithCaseInsensitiveUTF8"
    return f"{name}({text}, {text_sql(needle)})"


def _ends(text: str, needle: Bound, _: Scope, has_case: bool) -> str:
    name = "endsWith" if has_case else "endsWithCaseInsensitiveUTF8"
    return f"{name}({text}, {text_sql(needle)})"


MATCHERS: Final[dict[str, Callable[[str, Bound, Scope, bool], str]]] = {
    "has": has_word,
    "hasprefix": _has_prefix,
    "hassuffix": _has_suffix,
    "contains": _contains,
    "startswith": _starts,
    "endswith": _ends,
}
