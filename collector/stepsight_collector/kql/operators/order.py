"""Operators that order rows and take some of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import scalars
from stepsight_collector.kql.context import inner_scope, refuse, relation_on
from stepsight_collector.kql.conversions import convert
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.operators.columns import bind_extend
from stepsight_collector.kql.plan import Compute, Limit, SortColumn
from stepsight_collector.kql.scope import UNKNOWN
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Bound, Scope

__all__ = [
    "bind_count_value",
    "bind_order",
    "bind_sample",
    "bind_serialize",
    "bind_take",
    "bind_top",
    "limited",
    "ordered",
]

_NUMBERS = (ScalarType.INT, ScalarType.LONG, ScalarType.REAL, ScalarType.DECIMAL)


def bind_order(context: Context, relation: Relation, node: syntax.Order, scope: Scope) -> Relation:
    """The rows in the order of keys; descending where it is not said.

    Nothing is sorted here: the keys become columns, and what needs the order (a limit, a window
    function, the result) sorts by them.
    """
    return ordered(context, relation, node.keys, scope, context.label(node.span))


def ordered(
    context: Context,
    relation: Relation,
    keys: Iterable[syntax.SortKey],
    scope: Scope,
    label: str,
) -> Relation:
    """A relation whose rows stand in the order of keys."""
    inside = inner_scope(relation, scope)
    columns: dict[str, str] = {}
    order: list[SortColumn] = []
    for key in keys:
        bound = scalars.bind(key.expression, inside)
        if has_failed(bound):
            continue
        if bound.type is ScalarType.DYNAMIC:
            hint = "Say what its values are: tostring(…), todouble(…), todatetime(…)."
            fail(inside, "wrong_type", "rows cannot be ordered by a dynamic", key.span, hint)
            continue
        name = context.fresh()
        columns[name] = bound.sql
        order.append(_sort_column(name, key))
    node = Compute(relation.node, columns, label, keeps_all=True)
    return replace(relation, node=node, order=tuple(order))


def _sort_column(name: str, key: syntax.SortKey) -> SortColumn:
    is_descending = key.order != "asc"
    nulls_first = key.nulls == "first" if key.nulls else not is_descending
    return SortColumn(name, is_descending, nulls_first)


def bind_take(context: Context, relation: Relation, node: syntax.Take, scope: Scope) -> Relation:
    """At most so many rows: the first ones if they stand in an order, else any."""
    count = bind_count_value(node.count, scope)
    return limited(relation, count, context.label(node.span))


def bind_top(context: Context, relation: Relation, node: syntax.Top, scope: Scope) -> Relation:
    """The first rows in the order of keys."""
    label = context.label(node.span)
    count = bind_count_value(node.count, scope)
    return limited(ordered(context, relation, node.keys, scope, label), count, label)


def bind_sample(
    context: Context, relation: Relation, node: syntax.Sample, scope: Scope
) -> Relation:
    """So many rows by chance."""
    label = context.label(node.span)
    chance = context.fresh()
    shuffled = Compute(relation.node, {chance: "rand64()"}, label, keeps_all=True)
    mixed = replace(relation, node=shuffled, order=(SortColumn(chance),))
    sample = limited(mixed, bind_count_value(node.count, scope), label)
    return replace(sample, order=None)


def bind_serialize(
    context: Context, relation: Relation, node: syntax.Serialize, scope: Scope
) -> Relation:
    """The rows as they stand now, for functions that look at other rows.

    Numbers the rows, so that two such functions see one order also where keys are equal.
    """
    number = context.fresh()
    window = inner_scope(replace(relation, order=relation.order or ()), scope).window
    sql = {number: f"row_number() OVER ({window})"}
    label = context.label(node.span)
    numbered = Compute(relation.node, sql, label, keeps_all=True)
    serialized = replace(relation, node=numbered, order=(SortColumn(number),))
    return bind_extend(context, serialized, node, scope) if node.columns else serialized


def bind_count_value(expression: syntax.Expression, scope: Scope) -> Bound:
    """A number of rows: a constant, or a value that a query gives, of at least 0."""
    inside = replace(scope, columns={}, window=None)
    bound = scalars.bind(expression, inside)
    if has_failed(bound):
        return bound
    if bound.type not in _NUMBERS:
        text = f"a number of rows must be a whole number, this is a {bound.type.value}"
        return fail(scope, "wrong_type", text, expression.span)
    value = bound.constant
    if value is not UNKNOWN and (value is None or float(value) < 0):  # type: ignore[arg-type]
        refuse("bad_value", "a number of rows must be at least 0", expression.span)
    return convert(bound, ScalarType.LONG, inside)


def limited(relation: Relation, count: Bound, label: str) -> Relation:
    """The first rows of a relation, of each part if it is parted."""
    value = count.constant if isinstance(count.constant, int) else None
    sql = str(value) if value is not None else f"greatest(ifNull({count.sql}, 0), 0)"
    node = Limit(relation.node, sql, value, relation.order or (), relation.partition, label)
    return relation_on(relation, node, relation.columns)
