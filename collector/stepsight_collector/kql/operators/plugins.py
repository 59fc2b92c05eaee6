"""`evaluate`: plugins that reshape rows. Their columns must be known: a schema says them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, scalars, syntax
from stepsight_collector.kql.aggregates import bind_aggregate
from stepsight_collector.kql.context import as_column, inner_scope, refuse, relation_on
from stepsight_collector.kql.conversions import convert, text_sql
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.failing import has_failed
from stepsight_collector.kql.literals import bind_text
from stepsight_collector.kql.plan import Aggregate, Compute, Expand
from stepsight_collector.kql.scope import Bound, quote_identifier
from stepsight_collector.kql.suggest import did_you_mean
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["PLUGINS", "bind_evaluate"]

T = ScalarType


def bind_evaluate(
    context: Context, relation: Relation, node: syntax.Evaluate, scope: Scope
) -> Relation:
    """The result of a plugin."""
    for column in node.output:
        naming.check_name(column.name, column.span)
    plugin = PLUGINS.get(node.plugin.name)
    if plugin is None:
        hint = _HINTS.get(node.plugin.name) or did_you_mean(node.plugin.name, PLUGINS)
        refuse(
            "unsupported",
            f'the plugin "{node.plugin.name}" is not supported',
            node.plugin.span,
            hint or f"There are {', '.join(PLUGINS)}.",
        )
    return plugin(context, relation, node, scope)


_HINTS = {
    "dcount_intersect": "Use dcount() over an inner join of the sets.",
    "autocluster": "Use summarize count() by the columns of interest.",
    "basket": "Use summarize count() by the columns of interest.",
    "diffpatterns": "Use summarize countif(…) by the columns of interest.",
}


def _bag_unpack(
    context: Context, relation: Relation, node: syntax.Evaluate, scope: Scope
) -> Relation:
    """`bag_unpack(column, prefix) : (*, name:type)`: keys of a bag as columns."""
    if not node.output:
        refuse(
            "unsupported",
            "the columns of bag_unpack must be known before the query runs",
            node.span,
            "Say which keys: evaluate bag_unpack(d) : (*, key:string, other:long).",
        )
    arguments = node.plugin.arguments
    if not arguments or len(arguments) > 2:  # noqa: PLR2004 — the bag and a prefix
        text = "bag_unpack takes a column and a prefix for the names"
        refuse("wrong_arguments", text, node.plugin.span)
    inside = inner_scope(relation, scope)
    bag = scalars.bind(arguments[0], inside)
    prefix = scalars.bind(arguments[1], inside).constant if len(arguments) > 1 else ""
    if has_failed(bag) or not isinstance(prefix, str):
        raise KqlError(())
    if bag.type is not T.DYNAMIC:
        refuse("wrong_type", f"a bag is a dynamic, this is a {bag.type.value}", arguments[0].span)
    columns = dict(relation.columns) if node.keeps_input else {}
    if isinstance(arguments[0], syntax.Name):
        columns.pop(arguments[0].name, None)
    sql = {name: bound.sql for name, bound in columns.items()}
    for column in node.output:
        kind = column.type or T.DYNAMIC
        if not node.keeps_input and column.name in relation.columns:
            bound = relation.columns[column.name]
        else:
            key = syntax.Literal(T.STRING, column.name.removeprefix(prefix), column.span)
            value = scalars.bind(syntax.Index(arguments[0], key, column.span), inside)
            bound = convert(value, kind, inside)
        columns[column.name], sql[column.name] = as_column(column.name, bound), bound.sql
    label = context.label(node.span)
    return relation_on(relation, Compute(relation.node, sql, label), columns)


def _pivot(context: Context, relation: Relation, node: syntax.Evaluate, scope: Scope) -> Relation:
    """`pivot(column, aggregate, keys…) : (key:type, value:type)`: values as columns."""
    if not node.output:
        refuse(
            "unsupported",
            "the columns of pivot must be known before the query runs",
            node.span,
            "Say which values: evaluate pivot(column) : (key:string, value1:long, value2:long).",
        )
    arguments = node.plugin.arguments
    if not arguments or not isinstance(arguments[0], syntax.Name):
        refuse("wrong_arguments", "pivot takes a column first", node.plugin.span)
    inside = inner_scope(relation, scope)
    aggregate = arguments[1] if len(arguments) > 1 else syntax.Call("count", ())
    pivot, (_, value) = scalars.bind(arguments[0], inside), bind_aggregate(aggregate, inside)[0]
    keys = _pivot_keys(relation, arguments, aggregate, inside)
    if has_failed(pivot) or has_failed(value):
        raise KqlError(())
    label = context.label(node.span)
    by, of, row = (
        context.fresh(),
        context.fresh(),
        {name: bound.sql for name, bound in keys.items()},
    )
    cells = Aggregate(relation.node, {**row, by: text_sql(pivot)}, {of: value.sql}, label)
    columns: dict[str, Bound] = {}
    made: dict[str, str] = {}
    for column in node.output:
        kind = column.type or T.DYNAMIC
        if column.name in keys:
            columns[column.name] = as_column(column.name, keys[column.name])
            continue
        wanted = bind_text(scope, column.name)
        cell = f"anyIf(toNullable({quote_identifier(of)}), {quote_identifier(by)} = {wanted})"
        if isinstance(aggregate, syntax.Call) and aggregate.name in _ZERO:
            cell = f"ifNull({cell}, 0)"
        bound = convert(Bound(value.type, cell), kind, inside)
        columns[column.name], made[column.name] = as_column(column.name, bound), bound.sql
    if node.keeps_input:
        columns = {
            **{name: as_column(name, bound) for name, bound in keys.items()},
            **columns,
        }
    grouped = Aggregate(cells, {name: quote_identifier(name) for name in row}, made, label)
    return replace(relation, node=grouped, columns=columns, order=None)


# Aggregates that are 0 over no rows.
_ZERO = ("count", "countif", "sum", "sumif", "dcount", "dcountif")


def _pivot_keys(
    relation: Relation,
    arguments: tuple[syntax.Expression, ...],
    aggregate: syntax.Expression,
    scope: Scope,
) -> dict[str, Bound]:
    """The columns that make a row: those that are named, else all that are not used."""
    if len(arguments) > 2:  # noqa: PLR2004 — the column and the aggregate
        keys: dict[str, Bound] = {}
        for each in arguments[2:]:
            bound = scalars.bind(each, scope)
            if has_failed(bound):
                raise KqlError(())
            keys[each.name if isinstance(each, syntax.Name) else "Column1"] = bound
        return keys
    used = {arguments[0].name} if isinstance(arguments[0], syntax.Name) else set()
    if isinstance(aggregate, syntax.Call):
        used |= {each.name for each in aggregate.arguments if isinstance(each, syntax.Name)}
    return {
        name: replace(bound, bag=None)
        for name, bound in relation.columns.items()
        if name not in used
    }


def _narrow(context: Context, relation: Relation, node: syntax.Evaluate, scope: Scope) -> Relation:
    """`narrow()`: a row for each column of each row: the row's number, the name, the value."""
    label = context.label(node.span)
    number, names, values = (context.fresh() for _ in range(3))
    name, value = context.fresh(), context.fresh()
    window = inner_scope(replace(relation, order=relation.order or ()), scope).window
    texts = ", ".join(text_sql(bound) for bound in relation.columns.values())
    columns_of = ", ".join(bind_text(scope, each) for each in relation.columns)
    rows = Compute(
        relation.node,
        {
            number: f"toInt64(row_number() OVER ({window}) - 1)",
            names: f"[{columns_of}]",
            values: f"[{texts}]",
        },
        label,
        keeps_all=True,
    )
    items = {name: quote_identifier(names), value: quote_identifier(values)}
    sql = {
        "Row": quote_identifier(number),
        "Column": quote_identifier(name),
        "Value": quote_identifier(value),
    }
    long, text = (Bound(kind, "", is_nullable=False) for kind in (T.LONG, T.STRING))
    columns = {
        "Row": as_column("Row", long),
        "Column": as_column("Column", text),
        "Value": as_column("Value", text),
    }
    node_above = Compute(Expand(rows, items, label), sql, label)
    return replace(relation, node=node_above, columns=columns, order=None)


PLUGINS: dict[str, Callable[..., Relation]] = {
    "bag_unpack": _bag_unpack,
    "narrow": _narrow,
    "pivot": _pivot,
}
