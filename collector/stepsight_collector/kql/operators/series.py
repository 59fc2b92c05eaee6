"""`make-series`: aggregates in bins along an axis, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, scalars, syntax
from stepsight_collector.kql.ceiling import at_most
from stepsight_collector.kql.context import as_column, inner_scope, refuse
from stepsight_collector.kql.conversions import convert, datetime_ticks, from_ticks, json_sql
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.names import default_name
from stepsight_collector.kql.operators.summarize import bind_keys, name_aggregates
from stepsight_collector.kql.plan import Aggregate, Compute, Filter
from stepsight_collector.kql.scope import Bound, quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Node, Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["MAX_BINS", "bind_make_series"]

T = ScalarType
MAX_BINS = 1_000_000  # of one series
_TOO_LONG = f"a series of make-series has at most {MAX_BINS:,} bins; take a longer step"
_AXES = (T.DATETIME, T.TIMESPAN, T.INT, T.LONG, T.REAL)
_NUMBERS = (T.INT, T.LONG, T.REAL, T.DECIMAL, T.BOOL, T.TIMESPAN, T.DATETIME)


@dataclass(frozen=True, slots=True)
class _Axis:
    """The axis as numbers: its value in a row, its ends and its step. Ends are "" if open."""

    name: str
    type: ScalarType
    value: str
    start: str
    stop: str
    step: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is computed: SQL of the keys by name, the aggregates, and a default for each."""

    axis: _Axis
    keys: dict[str, str]
    made: dict[str, Bound]
    defaults: list[str]
    label: str


def bind_make_series(
    context: Context, relation: Relation, node: syntax.MakeSeries, scope: Scope
) -> Relation:
    """One row for each value of the keys: the keys, an array for each aggregate, the axis.

    Bins start at `from`, which is included; `to` is not. Without one of them, the series begins or
    ends with the first or last bin that has rows. A bin without rows has the default, 0.
    """
    inside = inner_scope(relation, scope)
    keys, unnamed = bind_keys(node.keys, inside)
    made = name_aggregates(node.aggregates, keys, inside, unnamed)
    axis = _axis(node, inside)
    defaults = _defaults(node, list(made.values()), inside)
    for bound, expression in zip(made.values(), node.aggregates, strict=False):
        if bound.type not in _NUMBERS and not has_failed(bound):
            text = f"a series is of numbers, this aggregate is a {bound.type.value}"
            fail(inside, "wrong_type", text, expression.span)
    label = context.label(node.span)
    key_sql = {name: quote_identifier(name) for name in relation.partition}
    key_sql |= {name: bound.sql for name, bound in keys.items()}
    plan = _Plan(axis, key_sql, made, defaults, label)
    binned, names = _binned(context, relation.node, plan)
    series = _collected(context, binned, names, plan)
    if not node.kind and not key_sql:
        present = quote_identifier(names["present"])
        series = Filter(series, f"{present} > 0", label)
    columns = {name: as_column(name, replace(bound, bag=None)) for name, bound in keys.items()}
    array = Bound(T.DYNAMIC, "", is_nullable=False)
    for name in (*made, axis.name):
        if name in columns:
            naming.report_twice(name, node.span, inside)
        columns[name] = as_column(name, array)
    return replace(relation, node=series, columns=columns, order=None)


# --------------------------------------------------------------------------------------- the axis


def _axis(node: syntax.MakeSeries, scope: Scope) -> _Axis:
    names, expression = naming.named_parts(node.axis)
    value = scalars.bind(expression, scope)
    constant_scope = replace(scope, columns={})
    ends = [
        None if each is None else scalars.bind(each, constant_scope)
        for each in (node.start, node.stop)
    ]
    step = scalars.bind(node.step, constant_scope)
    if any(each is not None and has_failed(each) for each in (value, *ends, step)):
        raise KqlError(())
    kind = T.LONG if value.type is T.INT else value.type
    if kind not in _AXES:
        hint = "The axis is a datetime, a timespan or a number."
        refuse("wrong_type", f"a series cannot run along a {kind.value}", node.axis.span, hint)
    step_kind = T.TIMESPAN if kind is T.DATETIME else kind
    if kind is T.LONG and step.type is T.REAL:
        kind = step_kind = T.REAL
    _check_end(node.step, step, step_kind)
    for expression_of_end, end in zip((node.start, node.stop), ends, strict=True):
        if expression_of_end is not None and end is not None:
            _check_end(expression_of_end, end, kind)
    start, stop = (
        "" if end is None else _as_number(convert(end, kind, constant_scope)) for end in ends
    )
    number = _as_number(convert(value, kind, scope))
    size = convert(step, step_kind, constant_scope).sql
    if node.is_range:
        start = f"({_floored(start, size, kind)})"
        stop = f"({_floored(stop, size, kind)} + {size})"
    name = names[0] if names else default_name(expression, scope) or "Column1"
    return _Axis(name, kind, number, start, stop, size)


def _check_end(node: syntax.Expression, bound: Bound, kind: ScalarType) -> None:
    numbers = {T.INT, T.LONG, T.REAL}
    if bound.type is not kind and not ({bound.type, kind} <= numbers):
        text = f"this must be a {kind.value}, found a {bound.type.value}"
        refuse("wrong_type", text, node.span)


def _as_number(bound: Bound) -> str:
    return datetime_ticks(bound.sql) if bound.type is T.DATETIME else bound.sql


def _floored(value: str, step: str, kind: ScalarType) -> str:
    """Down to a multiple of the step, as bin() does."""
    if kind is T.REAL:
        return f"floor({value} / {step}) * {step}"
    return f"{value} - positiveModulo({value}, {step})"


def _defaults(node: syntax.MakeSeries, made: list[Bound], scope: Scope) -> list[str]:
    """JSON text of each series' value for a bin without rows."""
    found: list[str] = []
    for place, bound in enumerate(made):
        expression = node.defaults[place] if place < len(node.defaults) else None
        if expression is None:
            found.append("'0'")
            continue
        value = scalars.bind(expression, replace(scope, columns={}))
        if has_failed(value):
            raise KqlError(())
        kind = T.REAL if value.type is T.REAL else bound.type
        found.append(f"ifNull({json_sql(convert(value, kind, scope))}, 'null')")
    return found


# ------------------------------------------------------------------------------------- the stages


def _binned(context: Context, node: Node, plan: _Plan) -> tuple[Node, dict[str, str]]:
    """A row for each key and bin, with the aggregates."""
    axis, keys, label = plan.axis, plan.keys, plan.label
    names = {each: context.fresh() for each in ("value", "bin", "first", "present")}
    value = quote_identifier(names["value"])
    valued = Compute(node, {names["value"]: axis.value}, label, keeps_all=True)
    conditions = [f"isNotNull({value})"]
    if axis.start:
        conditions.append(f"{value} >= {axis.start}")
    if axis.stop:
        conditions.append(f"{value} < {axis.stop}")
    if axis.type is T.REAL:
        conditions.append(f"isFinite({value})")
    inside = Filter(valued, " AND ".join(conditions), label)
    base = f"({value} - {axis.start})" if axis.start else value
    # The place of a bin, counted from the start, else from 0 on the axis.
    if axis.type is T.REAL:
        place = f"toInt64(floor({base} / {axis.step}))"
    else:
        place = f"intDivOrZero({base} - positiveModulo({base}, {axis.step}), {axis.step})"
    placed = Compute(inside, {names["bin"]: f"assumeNotNull({place})"}, label, keeps_all=True)
    aggregates = {name: bound.sql for name, bound in plan.made.items()}
    key_names = {**keys, names["bin"]: quote_identifier(names["bin"])}
    grouped: Node = Aggregate(placed, key_names, aggregates, label)
    parts = ", ".join(quote_identifier(name) for name in keys)
    over = f"PARTITION BY {parts}" if parts else ""
    bin_name = quote_identifier(names["bin"])
    first = "0" if axis.start else f"min({bin_name}) OVER ({over})"
    return Compute(grouped, {names["first"]: first}, label, keeps_all=True), names


def _collected(context: Context, node: Node, names: dict[str, str], plan: _Plan) -> Node:
    """A row for each key, with the bins in arrays and the axis beside them."""
    axis, keys, label = plan.axis, plan.keys, plan.label
    bin_name, first = (quote_identifier(names[each]) for each in ("bin", "first"))
    place = f"toUInt32({bin_name} - {first})"
    arrays: dict[str, str] = {}
    aggregates: dict[str, str] = {}
    for name, bound in plan.made.items():
        arrays[name] = context.fresh()
        column = as_column(name, bound)
        value = f"ifNull({json_sql(column)}, 'null')"
        aggregates[arrays[name]] = f"groupArrayInsertAt('', {MAX_BINS})({value}, {place})"
    last, begin = context.fresh(), context.fresh()
    aggregates[last] = f"max(toInt64({place}))"
    aggregates[begin] = f"min({first})"
    aggregates[names["present"]] = "count()"
    key_sql = {name: quote_identifier(name) for name in keys}
    grouped = Aggregate(node, key_sql, aggregates, label)
    count = _count(axis, quote_identifier(begin), quote_identifier(last))
    length, length_name = quote_identifier(names["value"]), names["value"]
    counted = Compute(grouped, {length_name: count}, label, keeps_all=True)
    sql = {name: quote_identifier(name) for name in keys}
    for (name, array), default in zip(arrays.items(), plan.defaults, strict=True):
        whole = f"arrayResize({quote_identifier(array)}, {length}, '')"
        filled = f"arrayMap(e -> if(e = '', {default}, e), {whole})"
        sql[name] = f"concat('[', arrayStringConcat({filled}, ','), ']')"
    sql[axis.name] = _axis_array(axis, quote_identifier(begin), length)
    return Compute(counted, sql, label)


def _count(axis: _Axis, begin: str, last: str) -> str:
    """How many bins a series has."""
    if not axis.stop:
        return at_most(f"{last} + 1", MAX_BINS, _TOO_LONG)
    start = axis.start or f"{begin} * {axis.step}"
    span = f"({axis.stop} - {start})"
    if axis.type is T.REAL:
        bins = f"toInt64(ceil({span} / {axis.step} - 1e-9))"
    else:
        bins = f"intDivOrZero({span} + {axis.step} - 1, {axis.step})"
    return at_most(f"greatest(ifNull({bins}, 0), 0)", MAX_BINS, _TOO_LONG)


def _axis_array(axis: _Axis, begin: str, length: str) -> str:
    offset = f"{axis.start} + i * {axis.step}" if axis.start else f"({begin} + i) * {axis.step}"
    value = from_ticks(offset) if axis.type is T.DATETIME else offset
    if axis.type is T.LONG:
        value = f"toInt64({value})"
    text = json_sql(Bound(axis.type, value, is_nullable=False))
    return f"concat('[', arrayStringConcat(arrayMap(i -> {text}, range({length})), ','), ']')"
