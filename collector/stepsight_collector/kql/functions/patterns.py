"""Functions that take a regular expression (RE2): `extract`, `replace_regex`, `trim`, `countof`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import convert, text_sql
from stepsight_collector.kql.functions.strings import texts_as_json
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.literals import is_constant
from stepsight_collector.kql.regex import count_groups, describe_fault, for_engine
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType
_MARKER: Final = "((?s:.*))"


def _pattern(call: Invocation, place: int, before: str = "", after: str = "") -> str | Bound:
    """A pattern argument as the engine's, wrapped; a Bound when it is faulty."""
    argument = call.arguments[place]
    if not is_constant(argument):
        quoted = (before.replace("\\", "\\\\"), after.replace("\\", "\\\\"))
        return f"concat('(?-s){quoted[0]}', {text_sql(argument)}, '{quoted[1]}')"
    pattern = str(argument.constant)
    fault = describe_fault(pattern)
    if fault:
        message = f"this is not a regular expression: {fault}"
        return call.fail("bad_value", message, place=place)
    return call.text(for_engine(before + pattern + after))


def _extract(call: Invocation) -> Bound:
    """`extract(pattern, group, text, type)`: a group of the first match."""
    pattern = _pattern(call, 0)
    if isinstance(pattern, Bound):
        return pattern
    group, text = call.constant(1), call.sql(2)
    source = str(call.constant(0)) if is_constant(call.arguments[0]) else None
    if source is not None and isinstance(group, int) and group > count_groups(source):
        message = f"the pattern has {count_groups(source)} groups, there is none of number {group}"
        return call.fail(
            "bad_value", message, "Groups are in parentheses, from 1; 0 is the whole.", 1
        )
    sql = f"regexpExtract({text}, {pattern}, {call.sql(1)})"
    found = Bound(T.STRING, sql, is_nullable=False)
    kind = call.constant(3, T.STRING)
    return convert(found, kind, call.scope) if isinstance(kind, ScalarType) else found


def _extract_all(call: Invocation) -> Bound:  # noqa: PLR0911 - one a fault
    """`extract_all(pattern, groups?, text)`: an array of arrays with several groups."""
    if not is_constant(call.arguments[0]):
        return call.fail("wrong_arguments", "extract_all wants a constant pattern", place=0)
    source = str(call.constant(0))
    pattern = _pattern(call, 0)
    if isinstance(pattern, Bound):
        return pattern
    chosen = call.constant(1) if len(call.arguments) == 3 else None  # noqa: PLR2004 - with groups
    if len(call.arguments) == 3 and not isinstance(chosen, list):  # noqa: PLR2004 - with groups
        return call.fail("wrong_arguments", "extract_all wants a constant array of groups", place=1)
    text = text_sql(call.arguments[-1])
    count = count_groups(source)
    if count == 0:
        return call.fail(
            "bad_value", "extract_all wants a pattern with a group", "Put parentheses around it.", 0
        )
    groups = (
        _group_numbers(source, chosen) if isinstance(chosen, list) else list(range(1, count + 1))
    )
    if groups is None:
        return call.fail("bad_value", "the pattern has no such group", place=1)
    matches = f"extractAllGroupsVertical({text}, {pattern})"
    if len(groups) == 1:
        texts = f"arrayMap(m -> m[{groups[0]}], {matches})"
        return Bound(T.DYNAMIC, f"if(empty({matches}), NULL, {texts_as_json(texts)})")
    rows = ", ',', ".join(f"toJSONString(m[{group}])" for group in groups)
    each = f"arrayMap(m -> concat('[', {rows}, ']'), {matches})"
    return Bound(
        T.DYNAMIC, f"if(empty({matches}), NULL, concat('[', arrayStringConcat({each}, ','), ']'))"
    )


def _group_numbers(pattern: str, chosen: list[object]) -> list[int] | None:
    names = re.findall(r"\((?:\?P?<(\w+)>|(?!\?))", pattern)
    numbers: list[int] = []
    for each in chosen:
        if isinstance(each, int) and 0 < each <= len(names):
            numbers.append(each)
        elif isinstance(each, str) and each in names:
            numbers.append(names.index(each) + 1)
        else:
            return None
    return numbers


def _replaced(call: Invocation, text: int, pattern: int, rewrite: int) -> Bound:
    found = _pattern(call, pattern)
    if isinstance(found, Bound):
        return found
    return call.made(T.STRING, f"replaceRegexpAll({call.sql(text)}, {found}, {call.sql(rewrite)})")


def _trim(before: str, after: str) -> Callable[[Invocation], Bound]:
    def emit(call: Invocation) -> Bound:
        sql = call.sql(1)
        for start, end in ((before, ""), ("", after)):
            if start or end:
                pattern = _pattern(call, 0, f"{start}(?:", f"){end}")
                if isinstance(pattern, Bound):
                    return pattern
                sql = f"replaceRegexpOne({sql}, {pattern}, '')"
        return call.made(T.STRING, sql)

    return emit


def _countof(call: Invocation) -> Bound:
    """Plain text counts overlapping places, a pattern does not."""
    kind = str(call.constant(2, "normal")).lower()
    text = call.sql(0)
    if kind == "regex":
        if not is_constant(call.arguments[1]):
            return call.fail("wrong_arguments", "countof wants a constant pattern", place=1)
        pattern = _pattern(call, 1)
        if isinstance(pattern, Bound):
            return pattern
        return call.made(T.LONG, f"toInt64(countMatches({text}, {pattern}))")
    if kind != "normal":
        message = f'countof counts "normal" or "regex", found "{kind}"'
        return call.fail("bad_value", message, place=2)
    needle = call.sql(1)
    known = call.constant(1)
    if isinstance(known, str) and known and not _overlaps(known):
        return call.made(T.LONG, f"toInt64(countSubstrings({text}, {needle}))")
    places = f"range(1, toUInt64(length({text}) + 1))"
    count = f"arrayCount(i -> substring({text}, i, length({needle})) = {needle}, {places})"
    return call.made(T.LONG, f"if({needle} = '', 0, toInt64({count}))")


def _overlaps(needle: str) -> bool:
    """Whether a text can stand again before its end, as "aa" does in "aaa"."""
    return any(needle.endswith(needle[:size]) for size in range(1, len(needle)))


def _indexof_regex(call: Invocation) -> Bound:
    pattern = _pattern(call, 1, "^(?s:(.*?))(?:", ")")
    bare = _pattern(call, 1)
    if isinstance(pattern, Bound) or isinstance(bare, Bound):
        return pattern if isinstance(pattern, Bound) else call.arguments[1]
    start = f"greatest({call.sql(2)}, 0)" if call.has(2) else "0"
    text = f"substringUTF8({call.sql(0)}, {start} + 1)"
    place = f"toInt64(lengthUTF8(regexpExtract({text}, {pattern}, 1))) + {start}"
    return call.made(T.LONG, f"if(match({text}, {bare}), {place}, -1)")


FUNCTIONS: Final = (
    Function(
        "extract", "pattern:=string, group:=long, text:text, type?:type", None, _extract,
        "A group of the first match of a pattern; the empty text, or null of the type, if none.",
        r'print extract("loss=([0-9.]+)", 1, "loss=0.5", typeof(real))', 1,
    ),
    *alias(
        Function(
            "extract_all", "pattern:string, groups:any, text?:text", None, _extract_all,
            "The groups of every match of a pattern, as an array.",
            r'print extract_all("([a-z])[0-9]", "a1 b2")', 2,
        ),
        "extractall",
    ),
    Function(
        "replace_regex", "text:text, pattern:string, rewrite:string", None,
        lambda call: _replaced(call, 0, 1, 2),
        r"The text with every match of a pattern replaced; \1 is the first group.",
        r'print replace_regex("a1b2", "[0-9]", "-")', 1,
    ),
    Function(
        "replace", "pattern:string, rewrite:string, text:text", None,
        lambda call: _replaced(call, 2, 0, 1),
        "The text with every match of a pattern replaced; an old name of replace_regex.",
        r'print replace("[0-9]", "-", "a1b2")', 1,
    ),
    Function(
        "trim", "pattern:string, text:text", None, _trim("^", "$"),
        "The text without what the pattern matches at its start and its end.",
        'print trim("-+", "--a--")', 1,
    ),
    Function(
        "trim_start", "pattern:string, text:text", None, _trim("^", ""),
        "The text without what the pattern matches at its start.",
        'print trim_start("-+", "--a--")', 1,
    ),
    Function(
        "trim_end", "pattern:string, text:text", None, _trim("", "$"),
        "The text without what the pattern matches at its end.",
        'print trim_end("-+", "--a--")', 1,
    ),
    Function(
        "countof", "text:text, search:string, kind?:=string", None, _countof,
        'How often a text stands in another; with "regex", how often a pattern matches.',
        'print countof("aaa", "aa")', 1,
    ),
    Function(
        "indexof_regex", "text:text, pattern:=string, start?:long", None, _indexof_regex,
        "The place of the first match of a pattern, or -1.",
        'print indexof_regex("ab12", "[0-9]")', 3,
    ),
    Function(
        "regex_quote", "text:text", T.STRING, "regexpQuoteMeta({0})",
        "The text as a pattern that matches it.",
        'print regex_quote("a.b")', 3,
    ),
)  # fmt: skip
