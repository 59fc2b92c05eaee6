"""Where rows come from: tables, range, datatable, print, union, search, find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer, parser_hints, parser_query_hints, parser_refusals
from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.parser_expressions import (
    parse_columns,
    parse_expression,
    parse_operand,
)
from stepsight_collector.kql.parser_options import parse_options
from stepsight_collector.kql.syntax import (
    Call,
    ColumnPattern,
    DataTable,
    Find,
    Member,
    Name,
    Parameter,
    Print,
    Query,
    Range,
    Search,
    Span,
    Union,
)

if TYPE_CHECKING:
    from stepsight_collector.kql.parser_cursor import Cursor
    from stepsight_collector.kql.syntax import Expression, Source

__all__ = [
    "STARTS",
    "parse_query_value",
    "parse_schema",
    "parse_search",
    "parse_source",
    "parse_union",
]

UNION_KINDS = ("inner", "outer")
SEARCH_KINDS = ("case_insensitive", "case_sensitive")
# Words that begin a source, and what follows them where they are names.
STARTS = ("datatable", "find", "print", "range", "search", "union", "externaldata")
_NOT_A_VALUE = frozenset({"=", "|", ",", ")", ";", "]", "}", ".", "==", "!=", ".."})


_Started = Range | DataTable | Print | Union | Search | Find


def parse_query_value(cursor: Cursor) -> Expression | None:
    """A source that begins with a word of its own, where a value may be a query; else None."""
    word = cursor.texts[cursor.at]
    if word not in STARTS:
        return None
    following, kind = cursor.texts[cursor.at + 1], cursor.kinds[cursor.at + 1]
    if word == "range":
        is_source = kind == lexer.NAME and following not in parser_hints.INFIX_WORDS
        is_source = is_source or cursor.texts[cursor.at + 4] == "from"  # range ['odd name'] from
    elif word == "union":
        is_source = kind == lexer.NAME or following in {"(", "*", "["}
        is_source = is_source and following not in parser_hints.INFIX_WORDS
    elif word in {"datatable", "externaldata"}:
        is_source = following == "("
    else:
        is_source = kind != lexer.END and following not in _NOT_A_VALUE
        is_source = is_source and following not in parser_hints.INFIX_WORDS - {"in"}
    return _parse_started(cursor, word) if is_source else None


def _parse_started(cursor: Cursor, word: str) -> _Started:
    start = cursor.starts[cursor.at]
    if word == "externaldata":
        raise parser_refusals.source(cursor, word)
    cursor.at += 1
    if word == "range":
        return _parse_range(cursor, start)
    if word == "datatable":
        return _parse_datatable(cursor, start)
    if word == "print":
        expressions = parse_columns(cursor)
        return Print(expressions, cursor.span(start))
    if word == "union":
        return parse_union(cursor, start)
    return parse_search(cursor, start) if word == "search" else _parse_find(cursor, start)


def parse_source(cursor: Cursor) -> Source:
    """What stands before the first pipe of a query."""
    if cursor.texts[cursor.at] in STARTS:
        return _parse_started(cursor, cursor.texts[cursor.at])
    at, start = cursor.at, cursor.starts[cursor.at]
    kind = cursor.kinds[at]
    if kind not in {lexer.NAME, "(", "["}:
        raise parser_query_hints.no_source(cursor)
    if kind == lexer.NAME:
        parser_query_hints.check_source(cursor)
    value = parse_operand(cursor)
    if isinstance(value, Name | Call | Query | Range | DataTable | Print | Union | Search | Find):
        return value
    if isinstance(value, Member) and isinstance(value.target, Call):
        return value  # app("x").traces
    raise parser_query_hints.no_table(cursor, Span(start, cursor.ends[cursor.at - 1]))


def _parse_pattern(cursor: Cursor) -> ColumnPattern | None:
    """`app*`: tables by pattern."""
    at = cursor.at
    while cursor.kinds[cursor.at] in {lexer.NAME, "*"} and (
        cursor.at == at or cursor.is_adjacent()
    ):
        cursor.at += 1
    text = "".join(cursor.texts[at : cursor.at])
    if "*" in text:
        return ColumnPattern(text, cursor.span(cursor.starts[at]))
    cursor.at = at
    return None


# -------------------------------------------------------------------- range, datatable, print


def _parse_range(cursor: Cursor, start: int) -> Range:
    name = cursor.name('the name of a column after "range"')
    cursor.expect("from", f'"range {name}"')
    first = parse_expression(cursor)
    cursor.expect("to", "the first value of the range")
    last = parse_expression(cursor)
    cursor.expect("step", "the last value of the range")
    step = parse_expression(cursor)
    return Range(name, first, last, step, cursor.span(start))


def _parse_datatable(cursor: Cursor, start: int) -> DataTable:
    columns = parse_schema(cursor)
    opened = cursor.at
    if not cursor.accept("["):
        cursor.fail('expected "[" with the values after the columns of datatable')
    cursor.enter()
    values: list[Expression] = []
    while cursor.texts[cursor.at] != "]":
        values.append(parse_expression(cursor))
        if not cursor.accept(","):
            break
    cursor.close(opened)
    cursor.nesting -= 1
    _check_rows(cursor, columns, values, opened)
    return DataTable(columns, tuple(values), cursor.span(start))


def _check_rows(
    cursor: Cursor, columns: tuple[Parameter, ...], values: list[Expression], opened: int
) -> None:
    if not columns or len(values) % len(columns):
        span = Span(cursor.starts[opened], cursor.ends[cursor.at - 1])
        message = f"datatable has {len(values)} values, which do not fill rows of {len(columns)}"
        cursor.diagnostics.append(
            Diagnostic("syntax", message, span, "Write one value for each column of each row.")
        )


def parse_schema(cursor: Cursor, *, is_open: bool = False) -> tuple[Parameter, ...]:
    """`(name:type, …)`; an open one may begin with `*`, which is left out here."""
    opened = cursor.at
    if not cursor.accept("("):
        cursor.fail("expected the columns in parentheses, as in (name:string, n:long)")
    columns: list[Parameter] = []
    if is_open and cursor.accept("*"):
        cursor.accept(",")
    while cursor.texts[cursor.at] != ")":
        start = cursor.starts[cursor.at]
        if cursor.texts[cursor.at] == "*":
            raise parser_refusals.open_schema(cursor)
        name = cursor.name("the name of a column")
        cursor.expect(":", f'the column "{name}"')
        columns.append(Parameter(name, cursor.type(), span=cursor.span(start)))
        if not cursor.accept(","):
            break
    cursor.close(opened)
    return tuple(columns)


# ------------------------------------------------------------------------ union, search, find


def parse_union(cursor: Cursor, start: int) -> Union:
    """`union kind=… withsource=… isfuzzy=… tables`; the word is behind the cursor."""
    options = parse_options(
        cursor,
        "union",
        {"kind": UNION_KINDS, "withsource": (), "isfuzzy": ()},
        is_strict=True,
    )
    tables = [_parse_table(cursor)]
    while cursor.accept(","):
        tables.append(_parse_table(cursor))
    kind, name = options.get("kind"), options.get("withsource")
    fuzzy = options.get("isfuzzy")
    return Union(
        tuple(tables),
        str(kind.value) if kind else "outer",
        str(name.value) if name else None,
        fuzzy is not None and bool(fuzzy.value),
        cursor.span(start),
    )


def _parse_table(cursor: Cursor) -> Expression:
    """A table, a pattern of tables, or a query in parentheses."""
    return _parse_pattern(cursor) or parse_source(cursor)


def _parse_tables(cursor: Cursor) -> tuple[Expression, ...]:
    """`in (a, b)`, if it stands here."""
    if cursor.texts[cursor.at] != "in":
        return ()
    opened = cursor.at + 1
    cursor.at += 1
    if not cursor.accept("("):
        cursor.fail('expected "(" with tables after "in"')
    cursor.enter()
    tables = [_parse_table(cursor)]
    while cursor.accept(","):
        tables.append(_parse_table(cursor))
    cursor.close(opened)
    cursor.nesting -= 1
    return tuple(tables)


def parse_search(cursor: Cursor, start: int) -> Search:
    """`search kind=… in (tables) predicate`; the word is behind the cursor."""
    options = parse_options(cursor, "search", {"kind": SEARCH_KINDS})
    tables = _parse_tables(cursor)
    predicate = parse_expression(cursor)
    kind = options.get("kind")
    return Search(
        predicate, tables, str(kind.value) if kind else "case_insensitive", cursor.span(start)
    )


def _parse_find(cursor: Cursor, start: int) -> Find:
    options = parse_options(cursor, "find", {"withsource": (), "datascope": ()})
    tables = _parse_tables(cursor)
    cursor.accept("where")
    predicate = parse_expression(cursor)
    columns: tuple[Expression, ...] = ()
    is_smart = cursor.hyphenated() == "project-smart"
    if is_smart:
        cursor.skip_word("project-smart")
    elif cursor.accept("project"):
        columns = parse_columns(cursor)
    name = options.get("withsource")
    return Find(
        predicate, tables, columns, str(name.value) if name else None, is_smart, cursor.span(start)
    )
