"""The operators of a pipe that shape rows and columns, and the table of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer, parser_refusals
from stepsight_collector.kql.parser_columns import (
    parse_project_away,
    parse_project_keep,
    parse_project_rename,
    parse_project_reorder,
)
from stepsight_collector.kql.parser_expand import (
    parse_make_series,
    parse_mv_apply,
    parse_mv_expand,
    parse_parse,
    parse_parse_kv,
    parse_parse_where,
)
from stepsight_collector.kql.parser_expressions import (
    parse_call,
    parse_column,
    parse_columns,
    parse_expression,
    parse_path,
)
from stepsight_collector.kql.parser_joins import parse_join, parse_lookup
from stepsight_collector.kql.parser_options import option_value, parse_options
from stepsight_collector.kql.parser_sources import (
    parse_schema,
    parse_search,
    parse_union,
)
from stepsight_collector.kql.syntax import (
    As,
    Count,
    Distinct,
    Evaluate,
    Extend,
    GetSchema,
    Invoke,
    Order,
    Partition,
    Project,
    Render,
    Sample,
    SampleDistinct,
    Serialize,
    SortKey,
    Summarize,
    Take,
    Top,
    TopNested,
    TopNestedLevel,
    Where,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.parser_cursor import Cursor
    from stepsight_collector.kql.syntax import Expression, Operator, Parameter

__all__ = ["CHARTS", "OPERATORS"]

# What `render` may draw.
CHARTS = (
    "3Dchart", "anomalychart", "areachart", "barchart", "card", "columnchart", "graph",
    "ladderchart", "linechart", "list", "piechart", "pivotchart", "plotly", "sankey",
    "scatterchart", "stackedareachart", "table", "timechart", "timeline", "timepivot", "treemap",
)  # fmt: skip

_ENDS = frozenset({"|", ";", ")", "}", ""})


def _where(cursor: Cursor, start: int) -> Where:
    predicate = parse_expression(cursor)
    return Where(predicate, cursor.span(start))


def _columns_or_none(cursor: Cursor) -> tuple[Expression, ...]:
    return () if cursor.texts[cursor.at] in _ENDS else parse_columns(cursor)


def _project(cursor: Cursor, start: int) -> Project:
    columns = parse_columns(cursor)
    return Project(columns, cursor.span(start))


def _extend(cursor: Cursor, start: int) -> Extend:
    columns = parse_columns(cursor)
    return Extend(columns, cursor.span(start))


def _serialize(cursor: Cursor, start: int) -> Serialize:
    columns = _columns_or_none(cursor)
    return Serialize(columns, cursor.span(start))


def _distinct(cursor: Cursor, start: int) -> Distinct:
    columns = parse_columns(cursor)
    return Distinct(columns, cursor.span(start))


def _summarize(cursor: Cursor, start: int) -> Summarize:
    parse_options(cursor, "summarize")
    aggregates = () if cursor.texts[cursor.at] == "by" else parse_columns(cursor)
    keys = parse_columns(cursor) if cursor.accept("by") else ()
    return Summarize(aggregates, keys, cursor.span(start))


def _order(cursor: Cursor, start: int) -> Order:
    cursor.expect("by", '"order" or "sort"')
    keys = [_sort_key(cursor)]
    while cursor.accept(","):
        keys.append(_sort_key(cursor))
    return Order(tuple(keys), cursor.span(start))


def _sort_key(cursor: Cursor) -> SortKey:
    start = cursor.starts[cursor.at]
    expression = parse_column(cursor)
    order = nulls = None
    if cursor.texts[cursor.at] in {"asc", "desc"}:
        order = cursor.texts[cursor.at]
        cursor.at += 1
    if cursor.accept("nulls"):
        nulls = cursor.texts[cursor.at]
        if nulls not in {"first", "last"}:
            cursor.fail('expected "first" or "last" after "nulls"')
        cursor.at += 1
    return SortKey(expression, order, nulls, cursor.span(start))


def _take(cursor: Cursor, start: int) -> Take:
    count = parse_expression(cursor)
    return Take(count, cursor.span(start))


def _top(cursor: Cursor, start: int) -> Top:
    parse_options(cursor, "top")
    count = parse_expression(cursor)
    cursor.expect("by", "the number of rows")
    key = _sort_key(cursor)
    if cursor.texts[cursor.at] == ",":
        raise parser_refusals.second_key(cursor)
    return Top(count, (key,), cursor.span(start))


def _count(cursor: Cursor, start: int) -> Count:
    if cursor.texts[cursor.at] == "as":
        name = cursor.texts[cursor.at + 1]
        raise parser_refusals.count_as(cursor, name)
    return Count(cursor.span(start))


def _get_schema(cursor: Cursor, start: int) -> GetSchema:
    return GetSchema(cursor.span(start))


def _sample(cursor: Cursor, start: int) -> Sample:
    count = parse_expression(cursor)
    return Sample(count, cursor.span(start))


def _sample_distinct(cursor: Cursor, start: int) -> SampleDistinct:
    count = parse_expression(cursor)
    cursor.expect("of", "the number of values")
    expression = parse_column(cursor)
    return SampleDistinct(count, expression, cursor.span(start))


# ------------------------------------------------------------------------------ the rest of them


def _render(cursor: Cursor, start: int) -> Render:
    chart = cursor.name("a kind of chart, such as timechart, columnchart, piechart or table")
    if chart not in CHARTS:
        raise parser_refusals.chart(cursor, chart, CHARTS)
    properties: list[tuple[str, object]] = []
    if cursor.accept("with"):
        opened = cursor.at
        if not cursor.accept("("):
            cursor.fail('expected "(" after "with"')
        while cursor.texts[cursor.at] != ")":
            properties.append(_property(cursor))
            if not cursor.accept(","):
                break
        cursor.close(opened)
    else:
        while cursor.kinds[cursor.at] == lexer.NAME and cursor.texts[cursor.at + 1] == "=":
            properties.append(_property(cursor))
    return Render(chart, tuple(properties), cursor.span(start))


def _property(cursor: Cursor) -> tuple[str, object]:
    """`title="x"`; the columns of `ycolumns=a, b` are a tuple."""
    name = cursor.name("a property of the chart, such as title")
    cursor.expect("=", f'the property "{name}"')
    value = option_value(cursor)
    if name.lower() not in {"ycolumns", "series", "anomalycolumns"}:
        return name, value
    values = [value]
    while cursor.texts[cursor.at] == "," and cursor.texts[cursor.at + 2] != "=":
        cursor.at += 1
        values.append(cursor.name("a column"))
    return name, tuple(values)


def _as(cursor: Cursor, start: int) -> As:
    parse_options(cursor, "as")
    return As(cursor.name('a name after "as"'), cursor.span(start))


def _evaluate(cursor: Cursor, start: int) -> Evaluate:
    parse_options(cursor, "evaluate")
    plugin = parse_call(cursor, "a plugin, such as bag_unpack(…) or pivot(…)")
    output: tuple[Parameter, ...] = ()
    keeps_input = False
    if cursor.accept(":"):
        keeps_input = cursor.texts[cursor.at : cursor.at + 2] == ["(", "*"]
        output = parse_schema(cursor, is_open=True)
    return Evaluate(plugin, output, cursor.span(start), keeps_input)


def _invoke(cursor: Cursor, start: int) -> Invoke:
    function = parse_call(cursor, "a function that takes the rows as its first parameter")
    return Invoke(function, cursor.span(start))


def _top_nested(cursor: Cursor, start: int) -> TopNested:
    levels = [_top_nested_level(cursor)]
    while cursor.accept(","):
        if cursor.hyphenated() != "top-nested":
            cursor.fail('expected "top-nested" after ","')
        cursor.skip_word("top-nested")
        levels.append(_top_nested_level(cursor))
    return TopNested(tuple(levels), cursor.span(start))


def _top_nested_level(cursor: Cursor) -> TopNestedLevel:
    start = cursor.starts[cursor.at]
    count = None if cursor.texts[cursor.at] == "of" else parse_expression(cursor)
    cursor.expect("of", '"top-nested" and its number')
    expression = parse_column(cursor)
    others = order = None
    if cursor.accept("with"):
        cursor.expect("others", '"with"')
        cursor.expect("=", '"others"')
        others = parse_expression(cursor)
    cursor.expect("by", "the expression of top-nested")
    aggregate = parse_column(cursor)
    if cursor.texts[cursor.at] in {"asc", "desc"}:
        order = cursor.texts[cursor.at]
        cursor.at += 1
    return TopNestedLevel(expression, aggregate, count, others, order, cursor.span(start))


def _partition(cursor: Cursor, start: int) -> Partition:
    parse_options(cursor, "partition")
    cursor.expect("by", '"partition"')
    column = parse_path(cursor, "the column to divide the rows by")
    opened = cursor.at
    if not cursor.accept("("):
        cursor.fail('expected "(" after the key of partition')
    cursor.enter()
    operators = cursor.pipes(cursor)
    cursor.close(opened)
    cursor.nesting -= 1
    return Partition(column, operators, cursor.span(start))


# Every operator by the words that begin it, old spellings included.
OPERATORS: dict[str, Callable[[Cursor, int], Operator]] = {
    "where": _where,
    "filter": _where,
    "project": _project,
    "project-away": parse_project_away,
    "project-keep": parse_project_keep,
    "project-rename": parse_project_rename,
    "project-reorder": parse_project_reorder,
    "extend": _extend,
    "summarize": _summarize,
    "distinct": _distinct,
    "order": _order,
    "sort": _order,
    "take": _take,
    "limit": _take,
    "top": _top,
    "count": _count,
    "join": parse_join,
    "lookup": parse_lookup,
    "union": parse_union,
    "search": parse_search,
    "parse": parse_parse,
    "parse-where": parse_parse_where,
    "parse-kv": parse_parse_kv,
    "mv-expand": parse_mv_expand,
    "mvexpand": parse_mv_expand,
    "mv-apply": parse_mv_apply,
    "mvapply": parse_mv_apply,
    "make-series": parse_make_series,
    "render": _render,
    "serialize": _serialize,
    "sample": _sample,
    "sample-distinct": _sample_distinct,
    "getschema": _get_schema,
    "as": _as,
    "evaluate": _evaluate,
    "invoke": _invoke,
    "top-nested": _top_nested,
    "partition": _partition,
}
