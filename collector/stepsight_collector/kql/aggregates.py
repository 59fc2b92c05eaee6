"""Binds aggregates: what `summarize` computes of many rows, alone or inside an expression.

`sum(a) / count()` and `round(avg(x), 2)` are expressions over aggregates. Aggregates that give
several columns (`percentiles`, `arg_max(x, *)`) stand alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import syntax
from stepsight_collector.kql.aggregate_sql import quantile
from stepsight_collector.kql.aggregate_table import AGGREGATES, SEVERAL, is_aggregate
from stepsight_collector.kql.conversions import convert
from stepsight_collector.kql.failing import FAILED, has_failed
from stepsight_collector.kql.functions.table import Invocation, call_function
from stepsight_collector.kql.names import default_name, prefixed_name
from stepsight_collector.kql.scalars import bind, bind_with
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_aggregate", "is_aggregate"]

T = ScalarType
Columns = tuple[tuple[str | None, Bound], ...]


def bind_aggregate(node: syntax.Expression, scope: Scope) -> Columns:
    """Bind what stands between `summarize` and `by`: one entry a column.

    Each has its default name (None for ColumnN) and SQL that is an aggregate.
    """
    if isinstance(node, syntax.Call) and node.name in SEVERAL:
        return tuple(_several(node, scope))
    return ((default_name(node, scope), bind_with(node, scope, _one)),)


def _one(node: syntax.Call, scope: Scope) -> Bound:
    """An aggregate that gives one column, wherever in an expression it stands."""
    if node.name in SEVERAL:
        columns = tuple(_several(node, scope))
        if len(columns) == 1:
            return columns[0][1]
        call = Invocation(node, (), scope)
        message = f"{node.name} gives {len(columns)} columns, here one value must stand"
        return call.fail("wrong_arguments", message, "Name it in the summarize, and extend behind.")
    arguments = tuple(bind(each, scope) for each in node.arguments)
    return call_function(AGGREGATES[node.name], Invocation(node, arguments, scope))


def _several(node: syntax.Call, scope: Scope) -> Iterator[tuple[str | None, Bound]]:
    if node.name in {"percentiles", "percentilesw"}:
        yield from _percentiles(node, scope)
    elif node.name in {"any", "take_any"}:
        yield from _any(node, scope)
    else:
        yield from _arg(node, scope)


def _percentiles(node: syntax.Call, scope: Scope) -> Iterator[tuple[str | None, Bound]]:
    """`percentiles(x, 50, 95)`: percentile_x_50, percentile_x_95."""
    first = 2 if node.name == "percentilesw" else 1
    arguments = tuple(bind(each, scope) for each in node.arguments)
    call = Invocation(node, arguments, scope)
    if len(arguments) <= first:
        call.fail(
            "wrong_arguments",
            f"{node.name} wants a column and percentages",
            "Like percentiles(x, 50, 95).",
        )
        yield None, FAILED
        return
    if any(has_failed(each) for each in arguments):
        yield None, FAILED
        return
    weight = convert(arguments[1], T.REAL, scope).sql if first > 1 else ""
    for place in range(first, len(arguments)):
        share = arguments[place].constant
        if not isinstance(share, (int, float)) or not 0 <= share <= 100:  # noqa: PLR2004 - per cent
            call.fail("bad_value", "a percentile is a constant number from 0 to 100", place=place)
            yield None, FAILED
            continue
        name = percentile_name(node.arguments[0], share, scope)
        yield name, quantile(call, 0, share / 100, weight=weight) or FAILED


def percentile_name(column: syntax.Expression, share: float, scope: Scope) -> str:
    """`percentile_x_99_9`."""
    return f"{prefixed_name('percentile', column, scope)}_{share}".replace(".", "_")


def _starred(
    nodes: tuple[syntax.Expression, ...], scope: Scope, without: str | None
) -> Iterator[tuple[str | None, Bound]]:
    """Each node's default name and value, `*` as every column but `without`."""
    for node in nodes:
        if isinstance(node, syntax.Star):
            for name, column in scope.columns.items():
                if name != without:
                    yield name, column
        else:
            yield default_name(node, scope), bind(node, scope)


def _any(node: syntax.Call, scope: Scope) -> Iterator[tuple[str | None, Bound]]:
    for name, value in _starred(node.arguments, scope, None):
        shown = f"any_{name or ''}" if node.name == "any" else name
        if has_failed(value):
            yield shown, value
        elif value.type is T.STRING or value.form is Form.MAP:
            yield shown, Bound(value.type, f"any({value.sql})", is_nullable=False, form=value.form)
        else:
            yield shown, Bound(value.type, f"anyOrNull({value.sql})", form=value.form)


def _arg(node: syntax.Call, scope: Scope) -> Iterator[tuple[str | None, Bound]]:
    """`arg_max(x, a, b)`: x of the winning row, then a and b of it; rows without x do not win."""
    prefix = "max" if node.name in {"arg_max", "argmax"} else "min"
    if not node.arguments:
        call = Invocation(node, (), scope)
        call.fail(
            "wrong_arguments", f"{node.name} wants a value", f"Like {node.name}(timestamp, *)."
        )
        yield None, FAILED
        return
    own_name = default_name(node.arguments[0], scope)
    measure = bind(node.arguments[0], scope)
    if measure.type is T.DYNAMIC and not has_failed(measure):
        call = Invocation(node, (measure,), scope)
        message = f"{node.name} needs values that have an order, found a dynamic"
        measure = call.fail("wrong_type", message, "Convert it: todouble(…), tostring(…).", 0)
    shown = own_name or f"{prefix}_"
    if node.name in {"argmax", "argmin"}:
        shown = f"{prefix}_{own_name or ''}"
    yield shown, _best(prefix, measure)
    front = f"{shown}_" if node.name in {"argmax", "argmin"} else ""
    others = [
        (front + name if name else f"{prefix}_{own_name or ''}_arg{place}", value)
        for place, (name, value) in enumerate(_starred(node.arguments[1:], scope, own_name), 1)
    ]
    for name, value in others:
        if has_failed(value) or has_failed(measure):
            yield name, FAILED
            continue
        # In a tuple, because a null of the column would lose the row. A state a column: the engine
        # sees the same rows for each, so the same row wins, and unread columns cost nothing.
        best = f"arg{prefix.capitalize()}(tuple({_nullable(value)}), {measure.sql})"
        keeps = value.type is T.STRING or value.form is Form.MAP
        # Without a winner the tuple may be NULL; without NULL its parts are their types' defaults.
        sql = f"tupleElement({f'assumeNotNull({best})' if measure.is_nullable else best}, 1)"
        yield name, Bound(value.type, sql, is_nullable=not keeps, form=value.form)


def _best(prefix: str, measure: Bound) -> Bound:
    if has_failed(measure):
        return measure
    if measure.type is T.STRING:
        return Bound(T.STRING, f"{prefix}({measure.sql})", is_nullable=False)
    return Bound(measure.type, f"{prefix}OrNull({measure.sql})")


def _nullable(value: Bound) -> str:
    """So that over no rows it is null."""
    if value.is_nullable or value.type is T.STRING or value.form is Form.MAP:
        return value.sql
    return f"toNullable({value.sql})"
