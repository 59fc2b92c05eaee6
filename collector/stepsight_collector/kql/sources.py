"""Where rows come from: tables, variables, functions, literal rows, queries in parentheses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, scalars, syntax
from stepsight_collector.kql.ceiling import at_most
from stepsight_collector.kql.context import as_column, refusal, refuse
from stepsight_collector.kql.conversions import convert, datetime_ticks, from_ticks
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.functions_of_let import call_table_function
from stepsight_collector.kql.literals import ENGINE_TYPES, is_constant
from stepsight_collector.kql.operators.search import bind_find, bind_search_source
from stepsight_collector.kql.operators.union import bind_union_source
from stepsight_collector.kql.plan import Compute, Expand, Relation, SortColumn, Unit
from stepsight_collector.kql.scope import Bound, Closure, quote_identifier
from stepsight_collector.kql.tables import bind_table
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_source"]

T = ScalarType
_OTHERS = ("app", "workspace", "resource", "database", "cluster")
MAX_RANGE = 10_000_000


def bind_source(context: Context, node: syntax.Expression, scope: Scope) -> Relation:
    """The relation that a query begins with. Raises KqlError if there is none."""
    binder = _BINDERS.get(type(node))
    if binder is None:
        refuse("wrong_type", "a table or a query must stand here", node.span)
    return binder(context, node, scope)


def _name(context: Context, node: syntax.Name, scope: Scope) -> Relation:
    variable = scope.variables.get(node.name)
    if variable is None:
        return bind_table(context, node.name, node.span, scope)
    if isinstance(variable, Relation):
        context.count_expansion(node.span)
        return variable
    if isinstance(variable, Closure):
        call = syntax.Call(node.name, (), node.span, node.span)
        return call_table_function(context, variable, call, scope)
    if has_failed(variable):
        raise KqlError(())
    raise refusal("wrong_type", f'"{node.name}" is a single value, not a table', node.span)


def _call(context: Context, node: syntax.Call, scope: Scope) -> Relation:
    variable = scope.variables.get(node.name)
    if isinstance(variable, Closure):
        return call_table_function(context, variable, node, scope)
    if node.name == "materialize":
        if len(node.arguments) != 1:
            refuse("wrong_arguments", "materialize takes one query", node.span)
        return context.statement.bind_query(node.arguments[0], scope)
    if node.name in _OTHERS:
        hint = f'Write {node.name}("…").traces.'
        refuse("syntax", f"{node.name}(…) names no table", node.span, hint)
    if node.name == "table" and len(node.arguments) == 1:
        name = scalars.bind(node.arguments[0], replace(scope, columns={}))
        if isinstance(name.constant, str):
            return bind_table(context, name.constant, node.span, scope)
    raise refusal(
        "unknown_function",
        f'no function "{node.name}" gives a table',
        node.name_span if node.name_span != syntax.NOWHERE else node.span,
        "Functions that give tables are made with let, or materialize(…).",
    )


def _member(context: Context, node: syntax.Member, scope: Scope) -> Relation:
    """`app("x").traces`: the own project's tables, under any of the names for a place."""
    target = node.target
    if isinstance(target, syntax.Member):  # cluster("…").database("…").T
        refuse("unsupported", "tables of other places cannot be read", node.span, _own(context))
    if not (isinstance(target, syntax.Call) and target.name in _OTHERS):
        refuse("wrong_type", "a table or a query must stand here", node.span)
    place = scalars.bind(target.arguments[0], scope) if len(target.arguments) == 1 else None
    if place is None or place.constant != context.project:
        called = f'"{place.constant}"' if place and isinstance(place.constant, str) else "this"
        refuse(
            "unsupported",
            f"{target.name}({called if place else '…'}) is not the project of this query",
            target.span,
            _own(context),
        )
    return bind_table(context, node.name, node.name_span, scope)


def _own(context: Context) -> str:
    return (
        f'A query reads its own project, "{context.project}". Name the table alone, '
        "or ask the other project."
    )


def _query(context: Context, node: syntax.Query, scope: Scope) -> Relation:
    return context.statement.bind_query(node, scope)


# -------------------------------------------------------------------------------- literal rows


def _datatable(context: Context, node: syntax.DataTable, scope: Scope) -> Relation:
    label = f"datatable of {len(node.values) // max(1, len(node.columns))} rows"
    columns: dict[str, Bound] = {}
    for column in node.columns:
        naming.check_name(column.name, column.span)
        if column.name in columns:
            naming.report_twice(column.name, column.span, scope)
        kind = column.type or T.DYNAMIC
        bound = Bound(kind, "", is_nullable=kind is not T.STRING)
        columns[column.name] = as_column(column.name, bound)
    inside = replace(scope, columns={})
    arrays: dict[str, str] = {}
    items: dict[str, str] = {}
    names: dict[str, str] = {}
    for place, (name, bound) in enumerate(columns.items()):
        values = [
            _cell(value, bound.type, inside) for value in node.values[place :: len(node.columns)]
        ]
        arrays[array := context.fresh()] = _array(values, bound.type)
        items[item := context.fresh()] = quote_identifier(array)
        names[name] = quote_identifier(item)
    place_array, row = context.fresh(), context.fresh()
    arrays[place_array] = f"range({len(node.values) // max(1, len(node.columns))})"
    items[row] = quote_identifier(place_array)
    rows = Expand(Compute(Unit(label), arrays, ""), items, "")
    return Relation(columns, Compute(rows, names, ""), order=(SortColumn(row),))


def _cell(value: syntax.Expression, kind: ScalarType, scope: Scope) -> str:
    bound = scalars.bind(value, scope)
    if has_failed(bound):
        return "NULL"
    if not is_constant(bound) and not bound.sql:
        fail(scope, "bad_value", "a value of datatable must be a constant", value.span)
    return convert(bound, kind, scope).sql


def _array(values: list[str], kind: ScalarType) -> str:
    engine = ENGINE_TYPES[kind]
    item = engine if kind is T.STRING else f"Nullable({engine})"
    text = f"Array({item})".replace("'", "\\'")
    return f"CAST([{', '.join(values)}], '{text}')"


def _print(context: Context, node: syntax.Print, scope: Scope) -> Relation:
    columns: dict[str, Bound] = {}
    sql: dict[str, str] = {}
    inside = replace(scope, columns={})
    for place, expression in enumerate(node.expressions):
        names, value = naming.named_parts(expression)
        more = naming.several(names, value, expression.span, inside)
        for each in more:
            name = naming.unique(each, columns, inside)
            columns[name], sql[name] = as_column(name, each.bound), each.bound.sql
        if more:
            continue
        name = names[0] if names else f"print_{place}"
        if name in columns:
            naming.report_twice(name, expression.span, scope)
        bound = scalars.bind(value, inside)
        columns[name], sql[name] = as_column(name, bound), bound.sql
    return Relation(columns, Compute(Unit(), sql, context.label(node.span)), order=())


_STEPS = {T.INT: T.LONG, T.LONG: T.LONG, T.REAL: T.REAL}


def _range(context: Context, node: syntax.Range, scope: Scope) -> Relation:
    """The values from start to stop, which is included."""
    naming.check_name(node.name, node.span)
    inside = replace(scope, columns={})
    ends = [scalars.bind(each, inside) for each in (node.start, node.stop, node.step)]
    if any(has_failed(each) for each in ends):
        raise KqlError(())
    kind = _range_type(node, ends)
    step_kind = T.TIMESPAN if kind is T.DATETIME else kind
    start, stop = (convert(each, kind, inside) for each in ends[:2])
    step = convert(ends[2], step_kind, inside)
    first, last = (
        datetime_ticks(each.sql) if kind is T.DATETIME else each.sql for each in (start, stop)
    )
    count = (
        f"if({_never(first, last, step.sql)}, 0, {_whole_steps(first, last, step.sql, kind)} + 1)"
    )
    numbers, number = context.fresh(), context.fresh()
    rows_made = at_most(f"ifNull({count}, 0)", MAX_RANGE, f"range makes at most {MAX_RANGE:,} rows")
    arrays = {numbers: f"range({rows_made})"}
    label = context.label(node.span)
    rows = Expand(Compute(Unit(label), arrays, ""), {number: quote_identifier(numbers)}, "")
    value = f"{first} + {quote_identifier(number)} * {step.sql}"
    made = _from_number(value, kind)
    columns = {node.name: as_column(node.name, Bound(kind, made, is_nullable=False))}
    computed = Compute(rows, {node.name: made}, "")
    return Relation(columns, computed, order=(SortColumn(number),))


def _range_type(node: syntax.Range, ends: list[Bound]) -> ScalarType:
    start, stop, step = (each.type for each in ends)
    if start in _STEPS and stop in _STEPS and step in _STEPS:
        return T.REAL if T.REAL in {start, stop, step} else T.LONG
    if start is stop and start in {T.DATETIME, T.TIMESPAN} and step is T.TIMESPAN:
        return start
    raise refusal(
        "wrong_type",
        f"range cannot go from a {start.value} to a {stop.value} by a {step.value}",
        node.span,
        "Use numbers, or datetimes with a timespan as step: range t from ago(1d) to now() step 1h.",
    )


def _never(first: str, last: str, step: str) -> str:
    """Whether the steps do not lead from the first value to the last."""
    return f"{step} = 0 OR ({last} - {first}) * sign({step}) < 0"


def _whole_steps(first: str, last: str, step: str, kind: ScalarType) -> str:
    if kind is T.REAL:
        # 0.3 is the third step of 0.1, which is a little less than it.
        return f"toInt64(floor(({last} - {first}) / {step} + 1e-9))"
    return f"intDivOrZero({last} - {first}, {step})"


def _from_number(value: str, kind: ScalarType) -> str:
    if kind is T.DATETIME:
        return from_ticks(value)
    return f"toFloat64({value})" if kind is T.REAL else f"toInt64({value})"


_BINDERS: dict[type, Callable[..., Relation]] = {
    syntax.Name: _name,
    syntax.Call: _call,
    syntax.Member: _member,
    syntax.Query: _query,
    syntax.DataTable: _datatable,
    syntax.Print: _print,
    syntax.Range: _range,
    syntax.Union: bind_union_source,
    syntax.Search: bind_search_source,
    syntax.Find: bind_find,
}
