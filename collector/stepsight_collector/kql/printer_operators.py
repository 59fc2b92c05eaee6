"""Operators and sources as KQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.parser_expressions import AND, EQUAL
from stepsight_collector.kql.printer_expressions import columns, expression
from stepsight_collector.kql.printer_sources import source
from stepsight_collector.kql.printer_text import constant, name, schema, show, string
from stepsight_collector.kql.syntax import (
    As,
    Count,
    Distinct,
    Evaluate,
    Extend,
    GetSchema,
    Invoke,
    Join,
    Literal,
    Lookup,
    MakeSeries,
    MvApply,
    MvExpand,
    MvExpandItem,
    Order,
    Parse,
    ParseKv,
    ParsePattern,
    Partition,
    Project,
    ProjectAway,
    ProjectKeep,
    ProjectRename,
    ProjectReorder,
    Query,
    Render,
    Sample,
    SampleDistinct,
    Serialize,
    Summarize,
    Take,
    Top,
    TopNested,
    TopNestedLevel,
    Where,
)
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.syntax import Expression, Operator


def _pipe(operators: Iterable[Operator]) -> str:
    return " | ".join(show(each) for each in operators)


def query_lines(node: Query) -> list[str]:
    """The source and each operator with its pipe."""
    first = source(node.source) if isinstance(node.source, Query) else show(node.source)
    return [first, *(f"| {show(each)}" for each in node.operators)]


@show.register
def _query(node: Query) -> str:
    return " ".join(query_lines(node))


# ------------------------------------------------------------------------------ rows and columns


@show.register
def _where(node: Where) -> str:
    return f"where {expression(node.predicate)}"


@show.register
def _project(node: Project) -> str:
    return f"project {columns(node.columns)}"


@show.register
def _project_away(node: ProjectAway) -> str:
    return f"project-away {columns(node.columns)}"


@show.register
def _project_keep(node: ProjectKeep) -> str:
    return f"project-keep {columns(node.columns)}"


@show.register
def _project_rename(node: ProjectRename) -> str:
    return f"project-rename {columns(node.columns)}"


@show.register
def _project_reorder(node: ProjectReorder) -> str:
    return "project-reorder " + ", ".join(show(each) for each in node.columns)


@show.register
def _extend(node: Extend) -> str:
    return f"extend {columns(node.columns)}"


@show.register
def _summarize(node: Summarize) -> str:
    keys = f"by {columns(node.keys)}" if node.keys else ""
    return " ".join(filter(None, ("summarize", columns(node.aggregates), keys)))


@show.register
def _distinct(node: Distinct) -> str:
    return f"distinct {columns(node.columns)}"


@show.register
def _order(node: Order) -> str:
    return "order by " + ", ".join(show(each) for each in node.keys)


@show.register
def _take(node: Take) -> str:
    return f"take {expression(node.count)}"


@show.register
def _top(node: Top) -> str:
    return f"top {expression(node.count)} by {', '.join(show(each) for each in node.keys)}"


@show.register
def _count(_node: Count) -> str:
    return "count"


@show.register
def _serialize(node: Serialize) -> str:
    return f"serialize {columns(node.columns)}".rstrip()


@show.register
def _sample(node: Sample) -> str:
    return f"sample {expression(node.count)}"


@show.register
def _sample_distinct(node: SampleDistinct) -> str:
    return f"sample-distinct {expression(node.count)} of {columns([node.expression])}"


@show.register
def _get_schema(_node: GetSchema) -> str:
    return "getschema"


@show.register
def _as(node: As) -> str:
    return f"as {name(node.name)}"


@show.register
def _top_nested(node: TopNested) -> str:
    return "top-nested " + ", top-nested ".join(_level(each) for each in node.levels)


def _level(node: TopNestedLevel) -> str:
    count = "" if node.count is None else expression(node.count) + " "
    others = "" if node.others is None else f" with others = {expression(node.others)}"
    order = f" {node.order}" if node.order else ""
    left, right = columns([node.expression]), columns([node.aggregate])
    return f"{count}of {left}{others} by {right}{order}"


# ------------------------------------------------------------------------ with queries inside


def _kind(kind: str | None) -> str:
    return f"kind={kind} " if kind else ""


def _conditions(nodes: tuple[Expression, ...]) -> str:
    return ", ".join(expression(each, AND) for each in nodes)


@show.register
def _join(node: Join) -> str:
    return f"join {_kind(node.kind)}({show(node.right)}) on {_conditions(node.conditions)}"


@show.register
def _lookup(node: Lookup) -> str:
    return f"lookup {_kind(node.kind)}({show(node.right)}) on {_conditions(node.conditions)}"


@show.register
def _partition(node: Partition) -> str:
    return f"partition by {expression(node.column)} ({_pipe(node.operators)})"


@show.register
def _evaluate(node: Evaluate) -> str:
    output = f" : {schema(node.output)}" if node.output else ""
    if node.keeps_input:
        output = f" : (*{', ' if node.output else ''}{schema(node.output)[1:]}"
    return f"evaluate {show(node.plugin)}{output}"


@show.register
def _invoke(node: Invoke) -> str:
    return f"invoke {show(node.function)}"


# ------------------------------------------------------------------------- many out of one


@show.register
def _parse(node: Parse) -> str:
    word = "parse-where" if node.drops_others else "parse"
    kind = "" if node.kind == "simple" else f"kind={node.kind} "
    flags = f"flags={name(node.flags)} " if node.flags else ""
    pattern = " ".join(_part(each) for each in node.pattern)
    return f"{word} {kind}{flags}{expression(node.expression)} with {pattern}"


def _part(node: ParsePattern) -> str:
    if node.text is not None:
        return string(node.text)
    if node.column is None:
        return "*"
    return name(node.column) + (f":{node.type.value}" if node.type else "")


@show.register
def _parse_kv(node: ParseKv) -> str:
    options = f" with ({columns(node.options)})" if node.options else ""
    return f"parse-kv {expression(node.expression)} as {schema(node.columns)}{options}"


def _index_option(column: str | None) -> str:
    return "" if column is None else f"with_itemindex={name(column)} "


def _item(node: MvExpandItem) -> str:
    text = expression(node.expression)
    if node.name is not None:
        text = f"{name(node.name)} = {text}"
    return f"{text} to typeof({node.type.value})" if node.type else text


def _items(node: MvExpand | MvApply) -> str:
    limit = "" if node.limit is None else f" limit {expression(node.limit)}"
    return ", ".join(_item(each) for each in node.items) + limit


@show.register
def _mv_expand(node: MvExpand) -> str:
    kind = "" if node.bag_expansion == "bag" else f"bagexpansion={node.bag_expansion} "
    return f"mv-expand {kind}{_index_option(node.index_column)}{_items(node)}"


@show.register
def _mv_apply(node: MvApply) -> str:
    return f"mv-apply {_index_option(node.index_column)}{_items(node)} on ({_pipe(node.operators)})"


@show.register
def _make_series(node: MakeSeries) -> str:
    pairs = zip(node.aggregates, node.defaults, strict=True)
    aggregates = ", ".join(
        columns([each]) + ("" if default is None else f" default={expression(default)}")
        for each, default in pairs
    )
    axis = expression(node.axis, EQUAL)
    keys = f" by {columns(node.keys)}" if node.keys else ""
    return f"make-series {_kind(node.kind)}{aggregates} on {axis}{_extent(node)}{keys}"


def _extent(node: MakeSeries) -> str:
    start = "" if node.start is None else expression(node.start)
    stop = "" if node.stop is None else expression(node.stop)
    step = expression(node.step)
    if node.is_range:
        return f" in range({start}, {stop}, {step})"
    first = f" from {start}" if start else ""
    return first + (f" to {stop}" if stop else "") + f" step {step}"


@show.register
def _render(node: Render) -> str:
    properties = ", ".join(f"{key}={_property(each)}" for key, each in node.properties)
    return f"render {name(node.chart)}" + (f" with ({properties})" if properties else "")


def _property(given: object) -> str:
    if isinstance(given, tuple):
        return ", ".join(name(str(each)) for each in given)
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return str(given)
    return constant(Literal(ScalarType.STRING, given))
