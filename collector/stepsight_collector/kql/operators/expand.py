"""`mv-expand` and `mv-apply`: a row for each element of an array or a bag."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, scalars, syntax
from stepsight_collector.kql.context import as_column, inner_scope, unique_name
from stepsight_collector.kql.conversions import as_json, convert
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.names import default_name
from stepsight_collector.kql.operators.empty import is_summarized, only_present
from stepsight_collector.kql.operators.order import bind_count_value
from stepsight_collector.kql.plan import Compute, Expand, Relation, SortColumn
from stepsight_collector.kql.scope import Bound, Form, quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Node
    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_mv_apply", "bind_mv_expand"]

T = ScalarType
# Types that JSON has a form of its own for: its strings are none of them.
_NOT_IN_STRINGS = (T.INT, T.LONG, T.REAL, T.DECIMAL, T.BOOL)


@dataclass(frozen=True, slots=True)
class _Expanded:
    """A node with a row for each element; `columns` are the elements, by name."""

    node: Node
    columns: dict[str, Bound]
    sql: dict[str, str]
    place: str


def bind_mv_expand(
    context: Context, relation: Relation, node: syntax.MvExpand, scope: Scope
) -> Relation:
    """A row for each element; a null gives one row, an empty array none.

    Several arrays go in step, the shorter ones padded with null.
    """
    label = context.label(node.span)
    is_array = node.bag_expansion == "array"
    expanded = _expand(context, relation, node, scope, label, bags_as_arrays=is_array)
    if expanded is None:
        return relation
    computed = Compute(expanded.node, expanded.sql, label, keeps_all=True)
    order = relation.order
    if order is not None:
        order = (*order, SortColumn(expanded.place))
    columns = {**relation.columns, **expanded.columns}
    return replace(relation, node=computed, columns=columns, order=order)


def bind_mv_apply(
    context: Context, relation: Relation, node: syntax.MvApply, scope: Scope
) -> Relation:
    """The operators on the elements of each row for itself, beside the row's other columns."""
    label = context.label(node.span)
    row = context.fresh()
    window = inner_scope(replace(relation, order=relation.order or (), partition=()), scope).window
    numbered = Compute(relation.node, {row: f"row_number() OVER ({window})"}, "", keeps_all=True)
    presence = context.fresh() if is_summarized(node.operators) else ""
    expanded = _expand(
        context, replace(relation, node=numbered), node, scope, label, presence=presence
    )
    if expanded is None:
        return relation
    hidden = {name: context.fresh() for name in relation.columns}
    kept = Compute(
        expanded.node,
        {**expanded.sql, **{hidden[name]: quote_identifier(name) for name in hidden}},
        label,
    )
    outer = {
        name: replace(bound, sql=quote_identifier(hidden[name]))
        for name, bound in relation.columns.items()
    }
    part = Relation(
        expanded.columns,
        kept,
        order=(SortColumn(expanded.place),),
        partition=(*relation.partition, row, *([presence] if presence else [])),
        outer={**relation.outer, **outer},
        name=relation.name,
        presence=presence,
    )
    made = context.bind_operators(part, node.operators, scope)
    if presence:
        made = only_present(made)
    return _beside(relation, made, expanded, outer, row)


def _beside(
    relation: Relation,
    made: Relation,
    expanded: _Expanded,
    outer: dict[str, Bound],
    row: str,
) -> Relation:
    """The row's own columns, but for those that were expanded, then what the operators gave."""
    columns: dict[str, Bound] = {}
    sql: dict[str, str] = {}
    for name, bound in outer.items():
        if name in expanded.columns and name not in made.columns:
            continue
        source = made.columns.get(name, bound)
        if name in expanded.columns:
            continue
        columns[name], sql[name] = as_column(name, source), source.sql
    for name, bound in made.columns.items():
        if name not in columns:
            columns[name], sql[name] = as_column(name, bound), bound.sql
    order = None
    if relation.order is not None:
        order = (SortColumn(row), *(made.order or ()))
    return replace(
        relation,
        node=Compute(made.node, sql, ""),
        columns=columns,
        order=order,
    )


def _expand(
    context: Context,
    relation: Relation,
    node: syntax.MvExpand | syntax.MvApply,
    scope: Scope,
    label: str,
    *,
    bags_as_arrays: bool = False,
    presence: str = "",
) -> _Expanded | None:
    inside = inner_scope(relation, scope)
    found: list[tuple[str, ScalarType | None, str]] = []
    arrays: dict[str, str] = {}
    for item in node.items:
        array = _array(item, inside, bags_as_arrays=bags_as_arrays)
        if array is None:
            return None
        name = _name(item, inside, {each for each, _, _ in found})
        made = context.fresh()
        arrays[made] = array
        found.append((name, item.type, made))
    limit = None if node.limit is None else bind_count_value(node.limit, scope)
    cut = Compute(relation.node, arrays, label, keeps_all=True)
    return _stepped(
        context, cut, found, node.index_column, limit, scope=inside, label=label, presence=presence
    )


def _stepped(
    context: Context,
    node: Node,
    found: Sequence[tuple[str, ScalarType | None, str]],
    index_column: str | None,
    limit: Bound | None,
    *,
    scope: Scope,
    label: str,
    presence: str,
) -> _Expanded:
    """All arrays in one length, and a row for each place in them.

    With `presence` there is one more, of no element, in which that column is 0.
    """
    arrays = [quote_identifier(array) for _, _, array in found]
    lengths = [f"length({array})" for array in arrays]
    length = lengths[0] if len(lengths) == 1 else f"greatest({', '.join(lengths)})"
    if limit is not None:
        length = f"least({length}, toUInt64({limit.sql}))"
    resized: dict[str, str] = {}
    items: dict[str, str] = {}
    if presence:
        present = context.fresh()
        resized[present] = f"arrayPushBack(arrayWithConstant({length}, toUInt8(1)), toUInt8(0))"
        items[presence] = quote_identifier(present)
        length = f"({length} + 1)"
    columns: dict[str, Bound] = {}
    sql: dict[str, str] = {}
    for (name, kind, _), array in zip(found, arrays, strict=True):
        same, element = context.fresh(), context.fresh()
        resized[same] = f"arrayResize({array}, {length}, NULL)"
        items[element] = quote_identifier(same)
        bound = _element(quote_identifier(element), kind, scope)
        columns[name], sql[name] = as_column(name, bound), bound.sql
    places, place = context.fresh(), context.fresh()
    resized[places] = f"range({length})"
    items[place] = quote_identifier(places)
    if index_column is not None:
        naming.check_name(index_column, syntax.NOWHERE)
        index = Bound(T.LONG, f"toInt64({quote_identifier(place)})", is_nullable=False)
        columns[index_column], sql[index_column] = as_column(index_column, index), index.sql
    rows = Expand(Compute(node, resized, "", keeps_all=True), items, label)
    return _Expanded(rows, columns, sql, place)


def _name(item: syntax.MvExpandItem, scope: Scope, taken: set[str]) -> str:
    if item.name is not None:
        naming.check_name(item.name, item.span)
        return item.name
    return unique_name(default_name(item.expression, scope) or "Column1", taken)


def _array(item: syntax.MvExpandItem, scope: Scope, *, bags_as_arrays: bool) -> str | None:
    """SQL: the elements of a dynamic as an Array(Nullable(String)) of JSON texts."""
    bound = scalars.bind(item.expression, scope)
    if has_failed(bound):
        return None
    if bound.type is not T.DYNAMIC:
        hint = "Is it JSON? Then write parse_json(…)." if bound.type is T.STRING else ""
        message = f"only a dynamic can be expanded, this is a {bound.type.value}"
        fail(scope, "wrong_type", message, item.expression.span, hint)
        return None
    if bound.form is Form.MAP:
        pair = _pair("toJSONString(k)", "toJSONString(v)", bags_as_arrays=bags_as_arrays)
        return (
            f"arrayMap((k, v) -> toNullable({pair}), mapKeys({bound.sql}), mapValues({bound.sql}))"
        )
    text = as_json(bound).sql
    pair = _pair("toJSONString(kv.1)", "kv.2", bags_as_arrays=bags_as_arrays)
    none = "CAST([NULL], 'Array(Nullable(String))')"
    return (
        f"multiIf(isNull({text}), {none}, "
        f"startsWith(assumeNotNull({text}), '['), "
        f"arrayMap(e -> nullIf(e, 'null'), JSONExtractArrayRaw(ifNull({text}, ''))), "
        f"startsWith(assumeNotNull({text}), '{{'), "
        f"arrayMap(kv -> toNullable({pair}), JSONExtractKeysAndValuesRaw(ifNull({text}, ''))), "
        f"[toNullable({text})])"
    )


def _pair(key: str, value: str, *, bags_as_arrays: bool) -> str:
    if bags_as_arrays:
        return f"concat('[', {key}, ',', {value}, ']')"
    return f"concat('{{', {key}, ':', {value}, '}}')"


def _element(sql: str, kind: ScalarType | None, scope: Scope) -> Bound:
    """An element as a dynamic or, with `to typeof(…)`, of the type that it must have."""
    element = Bound(T.DYNAMIC, sql)
    if kind is None or kind is T.DYNAMIC:
        return element
    if kind in _NOT_IN_STRINGS:
        element = replace(element, sql=f"if(startsWith({sql}, '\"'), NULL, {sql})")
    return convert(element, kind, scope)
