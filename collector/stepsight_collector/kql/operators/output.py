"""`render`, `getschema`, and operators that Kusto has and we do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import syntax
from stepsight_collector.kql.context import refuse
from stepsight_collector.kql.plan import Rendering
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["REFUSED", "bind_getschema", "bind_refused", "bind_render"]

T = ScalarType
_NET_TYPES = {
    T.BOOL: "System.SByte",
    T.INT: "System.Int32",
    T.LONG: "System.Int64",
    T.REAL: "System.Double",
    T.DECIMAL: "System.Data.SqlTypes.SqlDecimal",
    T.STRING: "System.String",
    T.DATETIME: "System.DateTime",
    T.TIMESPAN: "System.TimeSpan",
    T.GUID: "System.Guid",
    T.DYNAMIC: "System.Object",
}
REFUSED = {
    syntax.ReduceBy: ("reduce", "Group by what the texts share: summarize count() by extract(…)."),
    syntax.Consume: ("consume", "Use count to see how many rows there are."),
    syntax.Fork: ("fork", "Send each branch as a query of its own."),
    syntax.Facet: ("facet", "Send one summarize for each column: summarize count() by column."),
    syntax.Scan: ("scan", "Use order by with prev(), next() or row_cumsum()."),
}


def bind_render(context: Context, relation: Relation, node: syntax.Render, _: Scope) -> Relation:
    """The same rows; how to draw them stands beside the result."""
    context.rendering = Rendering(node.chart, dict(node.properties))
    return relation


def bind_getschema(
    context: Context, relation: Relation, node: syntax.GetSchema, scope: Scope
) -> Relation:
    """A row for each column of the input."""
    columns = tuple(
        syntax.Parameter(name, kind)
        for name, kind in (
            ("ColumnName", T.STRING),
            ("ColumnOrdinal", T.LONG),
            ("DataType", T.STRING),
            ("ColumnType", T.STRING),
        )
    )
    values: list[syntax.Expression] = []
    for place, (name, bound) in enumerate(relation.columns.items()):
        values += [
            syntax.Literal(T.STRING, name),
            syntax.Literal(T.LONG, place),
            syntax.Literal(T.STRING, _NET_TYPES[bound.type]),
            syntax.Literal(T.STRING, bound.type.value),
        ]
    table = syntax.DataTable(columns, tuple(values), node.span)
    return context.statement.bind_query(table, scope)


def bind_refused(_: Context, __: Relation, node: syntax.Operator, ___: Scope) -> Relation:
    """Refuse an operator that cannot be done here."""
    name, hint = REFUSED[type(node)]
    refuse("unsupported", f'the operator "{name}" is not supported', node.span, hint)
