"""Operators that make many out of one: parse, parse-kv, mv-expand, mv-apply, make-series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer
from stepsight_collector.kql.parser_expressions import (
    EQUAL,
    parse_column,
    parse_columns,
    parse_expression,
)
from stepsight_collector.kql.parser_options import Option, option_value, parse_options
from stepsight_collector.kql.parser_sources import parse_schema
from stepsight_collector.kql.syntax import (
    Literal,
    MakeSeries,
    MvApply,
    MvExpand,
    MvExpandItem,
    Named,
    Parse,
    ParseKv,
    ParsePattern,
)
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.kql.parser_cursor import Cursor
    from stepsight_collector.kql.syntax import Expression

__all__ = [
    "parse_make_series",
    "parse_mv_apply",
    "parse_mv_expand",
    "parse_parse",
    "parse_parse_kv",
    "parse_parse_where",
]

_PARSE_OPTIONS = {"kind": ("simple", "regex", "relaxed"), "flags": ()}
_BAG_OPTIONS = {"bagexpansion": ("bag", "array"), "kind": ("bag", "array"), "with_itemindex": ()}
_KV_OPTIONS = ("pair_delimiter", "kv_delimiter", "quote", "escape", "greedy", "regex")


def parse_parse(cursor: Cursor, start: int, *, drops_others: bool = False) -> Parse:
    """`parse kind=… flags=… expression with pattern`."""
    operator = "parse-where" if drops_others else "parse"
    options = parse_options(cursor, operator, _PARSE_OPTIONS, is_strict=True)
    expression = parse_expression(cursor)
    cursor.expect("with", f"the expression of {operator}")
    parts = [_pattern_part(cursor)]
    while _begins_part(cursor):
        parts.append(_pattern_part(cursor))
    kind = _word(options, "kind", "simple")
    flags = _word(options, "flags", "")
    return Parse(expression, tuple(parts), kind, flags, drops_others, cursor.span(start))


def parse_parse_where(cursor: Cursor, start: int) -> Parse:
    """`parse-where …`: as parse, without the rows that do not match."""
    return parse_parse(cursor, start, drops_others=True)


def _word(options: Mapping[str, Option], name: str, default: str) -> str:
    found = options.get(name)
    return default if found is None else str(found.value)


def _begins_part(cursor: Cursor) -> bool:
    return cursor.kinds[cursor.at] in {lexer.STRING, lexer.NAME, "*", "["}


def _pattern_part(cursor: Cursor) -> ParsePattern:
    start = cursor.starts[cursor.at]
    if cursor.accept("*"):
        return ParsePattern(span=cursor.span(start))
    if cursor.kinds[cursor.at] == lexer.STRING:
        return ParsePattern(text=cursor.string(), span=cursor.span(start))
    column = cursor.name('a text, a column or "*" in the pattern')
    kind = cursor.type() if cursor.accept(":") else None
    return ParsePattern(column=column, type=kind, span=cursor.span(start))


def parse_parse_kv(cursor: Cursor, start: int) -> ParseKv:
    """`parse-kv expression as (name:type, …) with (options)`."""
    expression = parse_expression(cursor)
    cursor.expect("as", "the expression of parse-kv")
    columns = parse_schema(cursor)
    options: list[Named] = []
    if cursor.accept("with"):
        opened = cursor.at
        if not cursor.accept("("):
            cursor.fail('expected "(" with options after "with"')
        while cursor.texts[cursor.at] != ")":
            options.append(_kv_option(cursor))
            if not cursor.accept(","):
                break
        cursor.close(opened)
    return ParseKv(expression, columns, tuple(options), cursor.span(start))


def _kv_option(cursor: Cursor) -> Named:
    start = cursor.starts[cursor.at]
    name = cursor.texts[cursor.at]
    if name not in _KV_OPTIONS:
        cursor.fail("expected an option of parse-kv", f"They are {', '.join(_KV_OPTIONS)}.")
    cursor.at += 1
    names_span = cursor.span(start)
    cursor.expect("=", f'"{name}"')
    value_start = cursor.starts[cursor.at]
    value = option_value(cursor)
    if not isinstance(value, str | bool):
        cursor.at -= 1
        cursor.fail(f'expected a text, true or false for "{name}"')
    kind = ScalarType.BOOL if isinstance(value, bool) else ScalarType.STRING
    literal = Literal(kind, value, cursor.span(value_start))
    return Named((name,), literal, cursor.span(start), names_span)


# --------------------------------------------------------------------------- mv-expand, mv-apply


def parse_mv_expand(cursor: Cursor, start: int) -> MvExpand:
    """`mv-expand bagexpansion=… with_itemindex=… items limit count`."""
    options = parse_options(cursor, "mv-expand", _BAG_OPTIONS)
    items = _items(cursor)
    limit = parse_expression(cursor) if cursor.accept("limit") else None
    expansion = _word(options, "kind", _word(options, "bagexpansion", "bag"))
    return MvExpand(items, limit, expansion, _index_column(options), cursor.span(start))


def parse_mv_apply(cursor: Cursor, start: int) -> MvApply:
    """`mv-apply with_itemindex=… items limit count on (operators)`."""
    options = parse_options(cursor, "mv-apply", {"with_itemindex": ()})
    items = _items(cursor)
    limit = parse_expression(cursor) if cursor.accept("limit") else None
    cursor.expect("on", "the arrays of mv-apply")
    opened = cursor.at
    if not cursor.accept("("):
        cursor.fail('expected "(" with operators after "on"')
    cursor.enter()
    operators = cursor.pipes(cursor)
    cursor.close(opened)
    cursor.nesting -= 1
    return MvApply(items, operators, limit, _index_column(options), cursor.span(start))


def _index_column(options: Mapping[str, Option]) -> str | None:
    found = options.get("with_itemindex")
    return str(found.value) if found else None


def _items(cursor: Cursor) -> tuple[MvExpandItem, ...]:
    items = [_item(cursor)]
    while cursor.accept(","):
        items.append(_item(cursor))
    return tuple(items)


def _item(cursor: Cursor) -> MvExpandItem:
    start = cursor.starts[cursor.at]
    expression = parse_column(cursor)
    name = kind = None
    if isinstance(expression, Named):
        if len(expression.names) > 1:
            cursor.fail("one array has one name here")
        [name], expression = expression.names, expression.expression
    if cursor.accept("to"):
        cursor.expect("typeof", '"to"')
        opened = cursor.at
        if not cursor.accept("("):
            cursor.fail('expected "(" with a type after "typeof"')
        kind = cursor.type()
        cursor.close(opened)
    return MvExpandItem(expression, name, kind, cursor.span(start))


# -------------------------------------------------------------------------------- make-series


def parse_make_series(cursor: Cursor, start: int) -> MakeSeries:
    """`make-series kind=… aggregates on axis from … to … step … by keys`."""
    options = parse_options(cursor, "make-series", {"kind": ("nonempty",)})
    aggregates, defaults = _series_aggregates(cursor)
    cursor.expect("on", "the aggregates of make-series")
    axis = parse_expression(cursor, EQUAL)
    is_range = cursor.texts[cursor.at] == "in"
    first, last, step = _in_range(cursor) if is_range else _from_to_step(cursor)
    keys = parse_columns(cursor) if cursor.accept("by") else ()
    kind = options.get("kind")
    return MakeSeries(
        aggregates, defaults, axis, step, first, last, keys,
        str(kind.value) if kind else None, is_range, cursor.span(start),
    )  # fmt: skip


def _series_aggregates(
    cursor: Cursor,
) -> tuple[tuple[Expression, ...], tuple[Expression | None, ...]]:
    aggregates: list[Expression] = []
    defaults: list[Expression | None] = []
    while True:
        aggregates.append(parse_column(cursor))
        default = None
        if cursor.accept("default"):
            cursor.expect("=", '"default"')
            default = parse_expression(cursor)
        defaults.append(default)
        if not cursor.accept(","):
            return tuple(aggregates), tuple(defaults)


def _from_to_step(cursor: Cursor) -> tuple[Expression | None, Expression | None, Expression]:
    first = parse_expression(cursor) if cursor.accept("from") else None
    last = parse_expression(cursor) if cursor.accept("to") else None
    if not cursor.accept("step"):
        cursor.fail(
            'make-series expects "step" and the length of a bin',
            "Write make-series n=count() on timestamp from ago(1d) to now() step 1h.",
        )
    return first, last, parse_expression(cursor)


def _in_range(cursor: Cursor) -> tuple[Expression, Expression, Expression]:
    cursor.at += 1
    cursor.expect("range", '"in"')
    opened = cursor.at
    if not cursor.accept("("):
        cursor.fail('expected "(" with start, stop and step after "range"')
    cursor.enter()
    first = parse_expression(cursor)
    cursor.expect(",", "the start of the range")
    last = parse_expression(cursor)
    cursor.expect(",", "the stop of the range")
    step = parse_expression(cursor)
    cursor.close(opened)
    cursor.nesting -= 1
    return first, last, step
