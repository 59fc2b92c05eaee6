"""The operators that choose columns by name or by pattern, and compute none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer
from stepsight_collector.kql.syntax import (
    ColumnPattern,
    Name,
    Named,
    ProjectAway,
    ProjectKeep,
    ProjectRename,
    ProjectReorder,
    SortKey,
    Star,
)

if TYPE_CHECKING:
    from stepsight_collector.kql.parser_cursor import Cursor

__all__ = [
    "parse_project_away",
    "parse_project_keep",
    "parse_project_rename",
    "parse_project_reorder",
]


def _patterns(cursor: Cursor) -> tuple[Name | ColumnPattern, ...]:
    columns = [_pattern(cursor)]
    while cursor.accept(","):
        columns.append(_pattern(cursor))
    return tuple(columns)


def _pattern(cursor: Cursor) -> Name | ColumnPattern:
    """A name, or one with `*` in it; the parts of a pattern have no space between them."""
    start, at = cursor.starts[cursor.at], cursor.at
    if cursor.kinds[at] == "[":
        return Name(cursor.name("a column"), cursor.span(start))
    while cursor.kinds[cursor.at] in {lexer.NAME, "*"} and (
        cursor.at == at or cursor.is_adjacent()
    ):
        cursor.at += 1
    if cursor.at == at:
        cursor.fail("expected a column, or a pattern such as custom*")
    text = "".join(cursor.texts[at : cursor.at])
    return (ColumnPattern if "*" in text else Name)(text, cursor.span(start))


def parse_project_away(cursor: Cursor, start: int) -> ProjectAway:
    """`project-away a, b*`."""
    columns = _patterns(cursor)
    return ProjectAway(columns, cursor.span(start))


def parse_project_keep(cursor: Cursor, start: int) -> ProjectKeep:
    """`project-keep a, b*`."""
    columns = _patterns(cursor)
    return ProjectKeep(columns, cursor.span(start))


def parse_project_reorder(cursor: Cursor, start: int) -> ProjectReorder:
    """`project-reorder a, b* asc, *`."""
    columns = [_reordered(cursor)]
    while cursor.accept(","):
        columns.append(_reordered(cursor))
    return ProjectReorder(tuple(columns), cursor.span(start))


def _reordered(cursor: Cursor) -> Name | ColumnPattern | Star | SortKey:
    start = cursor.starts[cursor.at]
    column: Name | ColumnPattern | Star = _pattern(cursor)
    if isinstance(column, ColumnPattern) and column.pattern == "*":
        column = Star(column.span)
    order = cursor.hyphenated()
    if order not in {"asc", "desc", "granny-asc", "granny-desc"}:
        return column
    cursor.skip_word(order)
    return SortKey(column, order, None, cursor.span(start))


def parse_project_rename(cursor: Cursor, start: int) -> ProjectRename:
    """`project-rename new = old, …`."""
    columns = [_renamed(cursor)]
    while cursor.accept(","):
        columns.append(_renamed(cursor))
    return ProjectRename(tuple(columns), cursor.span(start))


def _renamed(cursor: Cursor) -> Named:
    start = cursor.starts[cursor.at]
    new = cursor.name("the new name of a column")
    names_span = cursor.span(start)
    cursor.expect("=", f'the new name "{new}"')
    old_start = cursor.starts[cursor.at]
    old = Name(cursor.name("the column to rename"), cursor.span(old_start))
    return Named((new,), old, cursor.span(start), names_span)
