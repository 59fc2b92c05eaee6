"""`top-nested` and `partition`: operators on parts of the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, scalars, syntax
from stepsight_collector.kql.aggregates import bind_aggregate
from stepsight_collector.kql.context import as_column, inner_scope, unique_name
from stepsight_collector.kql.conversions import convert
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.failing import has_failed
from stepsight_collector.kql.names import default_name
from stepsight_collector.kql.operators.order import bind_count_value
from stepsight_collector.kql.plan import Aggregate, Compute, Join, Limit, SortColumn
from stepsight_collector.kql.scope import Bound, quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Node, Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_partition", "bind_top_nested"]


def bind_partition(
    context: Context, relation: Relation, node: syntax.Partition, scope: Scope
) -> Relation:
    """The operators on the rows of each value of the column for itself, all results together."""
    key = scalars.bind(node.column, inner_scope(relation, scope))
    if has_failed(key):
        raise KqlError(())
    name = context.fresh()
    label = context.label(node.span)
    keyed = Compute(relation.node, {name: key.sql}, label, keeps_all=True)
    part = replace(relation, node=keyed, partition=(*relation.partition, name))
    made = context.bind_operators(part, node.operators, scope)
    return replace(made, partition=relation.partition, order=None)


def bind_top_nested(
    context: Context, relation: Relation, node: syntax.TopNested, scope: Scope
) -> Relation:
    """The largest values of a first expression, within each those of a second, and so on.

    Two columns for each level: the value and its aggregate.
    """
    inside = inner_scope(relation, scope)
    label = context.label(node.span)
    columns: dict[str, Bound] = {}
    rows: Node = relation.node
    keys: list[str] = []
    given: list[str] = []
    result: Node | None = None
    result_names: dict[str, str] = {}
    for syntax_level in node.levels:
        level = _bind_level(context, syntax_level, inside, columns)
        # What rows are matched by; equal for nulls too.
        text = f"ifNull(toString({level.key.sql}), '\\0')"
        rows = Compute(rows, {level.value: level.key.sql, level.same: text}, label, keeps_all=True)
        if syntax_level.count is not None:
            rows = _chosen(context, rows, syntax_level, level, keys, scope=scope)
        grouped = Aggregate(
            rows,
            {each: quote_identifier(each) for each in (*keys, level.same)},
            {level.value: f"any({quote_identifier(level.value)})", level.of: level.measure.sql},
            label,
        )
        if result is None:
            result = grouped
        else:
            result = _matched(context, "ALL INNER", (grouped, result), keys, given, label=label)
        keys.append(level.same)
        given += [level.value, level.of]
        for name, hidden, bound in level.columns():
            columns[name] = as_column(name, replace(bound, bag=None))
            result_names[name] = quote_identifier(hidden)
    if result is None:
        raise KqlError(())
    return replace(relation, node=Compute(result, result_names, label), columns=columns, order=None)


@dataclass(frozen=True, slots=True)
class _Level:
    """A level bound: its key and its aggregate, their names, and their hidden columns."""

    key: Bound
    measure: Bound
    names: tuple[str, str]
    value: str
    of: str
    same: str

    def columns(self) -> tuple[tuple[str, str, Bound], tuple[str, str, Bound]]:
        """The two columns that the level gives: name, hidden column, what it is."""
        return (
            (self.names[0], self.value, self.key),
            (self.names[1], self.of, self.measure),
        )


def _bind_level(
    context: Context, level: syntax.TopNestedLevel, scope: Scope, taken: dict[str, Bound]
) -> _Level:
    given, expression = naming.named_parts(level.expression)
    aggregate_given, aggregate = naming.named_parts(level.aggregate)
    key = scalars.bind(expression, scope)
    _, measure = bind_aggregate(aggregate, scope)[0]
    if has_failed(key) or has_failed(measure):
        raise KqlError(())
    name = given[0] if given else default_name(expression, scope) or "Column1"
    name = unique_name(name, taken)
    second = aggregate_given[0] if aggregate_given else f"aggregated_{name}"
    names = name, unique_name(second, {**taken, name: key})
    return _Level(key, measure, names, context.fresh(), context.fresh(), context.fresh())


def _chosen(
    context: Context,
    rows: Node,
    node: syntax.TopNestedLevel,
    level: _Level,
    parents: list[str],
    *,
    scope: Scope,
) -> Node:
    """The rows of the largest values; with others=, the rest under that value."""
    count = bind_count_value(node.count or syntax.Literal(ScalarType.LONG, 0), scope)
    own = context.fresh()
    keys = [*parents, level.same]
    label = context.label(node.span)
    grouped = Aggregate(
        rows, {each: quote_identifier(each) for each in keys}, {own: level.measure.sql}, label
    )
    order = (SortColumn(own, node.order != "asc", node.order == "asc"),)
    value = count.constant if isinstance(count.constant, int) else None
    top = Limit(grouped, count.sql, value, order, tuple(parents), label)
    if node.others is None:
        return _matched(context, "LEFT SEMI", (rows, top), keys, (), label=label)
    others = convert(scalars.bind(node.others, replace(scope, columns={})), level.key.type, scope)
    is_in = context.fresh()
    marked = Compute(top, {is_in: "toNullable(1)"}, label, keeps_all=True)
    joined = _matched(context, "ALL LEFT", (rows, marked), keys, (is_in,), label=label)
    inside = f"isNotNull({quote_identifier(is_in)})"
    renamed = {
        level.value: f"if({inside}, {quote_identifier(level.value)}, {others.sql})",
        level.same: f"if({inside}, {quote_identifier(level.same)}, '\\0others')",
    }
    return Compute(joined, renamed, label, keeps_all=True)


def _matched(
    context: Context,
    kind: str,
    sides: tuple[Node, Node],
    keys: Iterable[str],
    gives: Iterable[str],
    *,
    label: str,
) -> Node:
    """Both sides joined by keys of one name; `gives` are the right side's columns that come out."""
    renamed = {each: context.fresh() for each in keys}
    sql = {new: quote_identifier(old) for old, new in renamed.items()}
    right = Compute(sides[1], sql, label, keeps_all=True)
    on = tuple(renamed.items())
    return Join(kind, sides[0], right, on, {each: each for each in gives}, label)
