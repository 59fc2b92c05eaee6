"""The operators that pair rows with those of another table: join and lookup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.parser_expressions import AND, parse_expression
from stepsight_collector.kql.parser_options import parse_options
from stepsight_collector.kql.parser_sources import parse_source
from stepsight_collector.kql.syntax import Join, Lookup, Query

if TYPE_CHECKING:
    from stepsight_collector.kql.parser_cursor import Cursor
    from stepsight_collector.kql.syntax import Expression

__all__ = ["JOIN_KINDS", "LOOKUP_KINDS", "parse_join", "parse_lookup"]

JOIN_KINDS = (
    "anti", "fullouter", "inner", "innerunique", "leftanti", "leftantisemi", "leftouter",
    "leftsemi", "rightanti", "rightantisemi", "rightouter", "rightsemi",
)  # fmt: skip
LOOKUP_KINDS = ("inner", "leftouter")


def parse_join(cursor: Cursor, start: int) -> Join:
    """`join kind=… right on conditions`; the word is behind the cursor."""
    options = parse_options(cursor, "join", {"kind": JOIN_KINDS}, is_strict=True)
    right = _parse_right(cursor, "join")
    conditions = _parse_conditions(cursor, "join")
    kind = options.get("kind")
    if kind is None:
        return Join(right, conditions, None, cursor.span(start))
    return Join(right, conditions, str(kind.value), cursor.span(start), kind.span)


def parse_lookup(cursor: Cursor, start: int) -> Lookup:
    """`lookup kind=… right on conditions`; the word is behind the cursor."""
    options = parse_options(cursor, "lookup", {"kind": LOOKUP_KINDS}, is_strict=True)
    right = _parse_right(cursor, "lookup")
    conditions = _parse_conditions(cursor, "lookup")
    kind = options.get("kind")
    return Lookup(right, conditions, str(kind.value) if kind else None, cursor.span(start))


def _parse_right(cursor: Cursor, operator: str) -> Query:
    if cursor.texts[cursor.at] == "on":
        cursor.fail(f'expected a table, or a query in parentheses, after "{operator}"')
    source = parse_source(cursor)
    if isinstance(source, Query):
        return source
    return Query(source, (), source.span)


def _parse_conditions(cursor: Cursor, operator: str) -> tuple[Expression, ...]:
    """Columns of both sides, or `$left.a == $right.b`; joined by "," or "and"."""
    if not cursor.accept("on"):
        cursor.fail(
            f'expected "on" and the columns to match by after the right side of {operator}',
            f"Write {operator} (right) on key, or on $left.a == $right.b.",
        )
    conditions = [_parse_condition(cursor)]
    while cursor.texts[cursor.at] in {",", "and"}:
        cursor.at += 1
        conditions.append(_parse_condition(cursor))
    return tuple(conditions)


def _parse_condition(cursor: Cursor) -> Expression:
    condition = parse_expression(cursor, AND)
    if cursor.texts[cursor.at] == "=":
        cursor.fail("expected a comparison")
    return condition
