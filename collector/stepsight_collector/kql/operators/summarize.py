"""`summarize`, `distinct`, `count` and `sample-distinct`: rows put together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, syntax
from stepsight_collector.kql.aggregates import bind_aggregate
from stepsight_collector.kql.context import as_column, inner_scope, unique_name
from stepsight_collector.kql.operators.empty import one_row_a_part
from stepsight_collector.kql.operators.order import bind_count_value, limited
from stepsight_collector.kql.plan import Aggregate, Sort
from stepsight_collector.kql.scope import Bound, quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Scope

__all__ = [
    "aggregated",
    "bind_count",
    "bind_distinct",
    "bind_keys",
    "bind_sample_distinct",
    "bind_summarize",
    "name_aggregates",
]


def bind_summarize(
    context: Context, relation: Relation, node: syntax.Summarize, scope: Scope
) -> Relation:
    """One row for each value of the keys: the keys first, then the aggregates."""
    inside = inner_scope(relation, scope)
    keys, unnamed = bind_keys(node.keys, inside)
    made = name_aggregates(node.aggregates, keys, inside, unnamed)
    return aggregated(relation, keys, made, context.label(node.span))


def bind_keys(
    expressions: Sequence[syntax.Expression], scope: Scope
) -> tuple[dict[str, Bound], int]:
    """What stands after `by`, by name, and how many of them have a name like Column1."""
    keys: dict[str, Bound] = {}
    unnamed = 0
    for each in naming.define(expressions, scope):
        unnamed += each.is_unnamed
        name = naming.unique(each, keys, scope)
        # A bag is grouped by its text: as a whole it can no longer give its keys one by one.
        keys[name] = replace(each.bound, bag=None)
    return keys, unnamed


def name_aggregates(
    expressions: Sequence[syntax.Expression],
    keys: Mapping[str, Bound],
    scope: Scope,
    unnamed: int = 0,
) -> dict[str, Bound]:
    """The aggregates by name: a given name, or the default one made unique."""
    made: dict[str, Bound] = {}
    for expression in expressions:
        names, value = naming.named_parts(expression)
        star = isinstance(value, syntax.Call) and any(
            isinstance(argument, syntax.Star) for argument in value.arguments
        )
        for place, (default, bound) in enumerate(bind_aggregate(value, scope)):
            taken = {**keys, **made}
            if place < len(names):
                if names[place] in taken:
                    naming.report_twice(names[place], expression.span, scope)
                made[names[place]] = bound
                continue
            if star and default is not None and default.removeprefix("any_") in keys:
                continue  # `*` is every column but the keys
            if default is None:
                unnamed += 1
                default = f"Column{unnamed}"  # noqa: PLW2901 — the name is completed here
            made[unique_name(default, taken)] = bound
    return made


def aggregated(
    relation: Relation, keys: Mapping[str, Bound], made: Mapping[str, Bound], label: str
) -> Relation:
    """A relation of groups; inside of a part, each part has its own."""
    parts = {name: quote_identifier(name) for name in relation.partition}
    rows = relation.node
    if relation.order and any("groupArray" in bound.sql for bound in made.values()):
        rows = Sort(rows, relation.order)  # make_list() takes the rows as they come
    node = Aggregate(
        rows,
        {**parts, **{name: bound.sql for name, bound in keys.items()}},
        {name: bound.sql for name, bound in made.items()},
        label,
    )
    columns = {name: as_column(name, bound) for name, bound in {**keys, **made}.items()}
    if relation.presence and not keys and relation.partition[-1] == relation.presence:
        one = one_row_a_part(relation, node, made, label)
        return replace(relation, node=one, columns=columns, order=None)
    return replace(relation, node=node, columns=columns, order=None)


def bind_distinct(
    context: Context, relation: Relation, node: syntax.Distinct, scope: Scope
) -> Relation:
    """Every combination of values once."""
    label = context.label(node.span)
    if any(isinstance(each, syntax.Star) for each in node.columns):
        keys = {name: replace(bound, bag=None) for name, bound in relation.columns.items()}
    else:
        keys, _ = bind_keys(node.columns, inner_scope(relation, scope))
    return aggregated(relation, keys, {}, label)


def bind_count(context: Context, relation: Relation, node: syntax.Count, _: Scope) -> Relation:
    """One row with the number of rows."""
    number = Bound(ScalarType.LONG, "toInt64(count())", is_nullable=False)
    return aggregated(relation, {}, {"Count": number}, context.label(node.span))


def bind_sample_distinct(
    context: Context, relation: Relation, node: syntax.SampleDistinct, scope: Scope
) -> Relation:
    """So many different values of an expression."""
    label = context.label(node.span)
    keys, _ = bind_keys([node.expression], inner_scope(relation, scope))
    count = bind_count_value(node.count, scope)
    return limited(aggregated(relation, keys, {}, label), count, label)
