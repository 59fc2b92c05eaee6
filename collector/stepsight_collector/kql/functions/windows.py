"""Functions that see other rows: `prev`, `next`, `row_number`, `row_cumsum`, `row_rank_dense`.

They need rows in order: behind `serialize`, `order by`, `top` or `range`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import NUMBERS, convert
from stepsight_collector.kql.functions.conditions import unify
from stepsight_collector.kql.functions.table import Function
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType


def _window(call: Invocation, frame: str) -> str | None:
    window = call.scope.window
    if window is None:
        call.fail(
            "unsupported",
            f"{call.node.name} needs rows in order",
            "Put order by …, or serialize, in front.",
        )
        return None
    return f" OVER ({window} ROWS BETWEEN UNBOUNDED PRECEDING AND {frame})"


def _neighbour(engine: str) -> Callable[[Invocation], Bound]:
    def emit(call: Invocation) -> Bound:
        window = _window(call, "UNBOUNDED FOLLOWING")
        value, offset = call.arguments[0], call.constant(1, 1)
        if window is None:
            return call.arguments[0]
        if not isinstance(offset, int) or offset < 0:
            message = f"{call.node.name} wants a whole number of rows, at least 0"
            return call.fail("bad_value", message, place=1)
        values = [value]
        if call.has(2):
            unified = unify((value, call.arguments[2]), call.scope)
            if unified is None:
                found = call.arguments[2].type.value
                message = f"the default is a {found}, the column a {value.type.value}"
                return call.fail("wrong_type", message, place=2)
            values = unified[1]
        kind = values[0].type
        sqls = [each.sql if kind is T.STRING else f"toNullable({each.sql})" for each in values]
        parts = [sqls[0], str(offset), *sqls[1:]]
        sql = f"{engine}({', '.join(parts)}){window}"
        if kind is T.STRING:
            return Bound(kind, sql, is_nullable=False)
        return Bound(kind, sql, form=values[0].form)

    return emit


def _row_number(call: Invocation) -> Bound:
    window = _window(call, "CURRENT ROW")
    if window is None:
        return Bound(T.LONG, "0")
    start = call.sql(0) if call.has(0) else "1"
    if _restarts(call, 1):
        return Bound(T.LONG, "0")
    return Bound(T.LONG, f"(toInt64(row_number(){window}) - 1 + {start})", is_nullable=False)


def _restarts(call: Invocation, place: int) -> bool:
    """Whether a restart is asked for, which is refused."""
    if not call.has(place) or call.arguments[place].constant is False:
        return False
    call.fail(
        "unsupported",
        f"{call.node.name} cannot restart at a condition",
        "Use partition by … for a count of its own in each group.",
        place,
    )
    return True


def _row_cumsum(call: Invocation) -> Bound:
    window = _window(call, "CURRENT ROW")
    if window is None or _restarts(call, 1):
        return Bound(T.LONG, "0")
    value = call.arguments[0]
    kind = T.LONG if value.type is T.INT else value.type
    if value.type is T.DYNAMIC:
        value, kind = convert(value, T.REAL, call.scope), T.REAL
    if value.type not in NUMBERS and value.type is not T.TIMESPAN:
        message = f"row_cumsum takes a number or a timespan, found a {value.type.value}"
        return call.fail("wrong_type", message, place=0)
    total = f"sum(ifNull({value.sql}, 0))" if value.is_nullable else f"sum({value.sql})"
    return Bound(kind, f"{total}{window}", is_nullable=False)


def _row_rank(engine: str) -> Callable[[Invocation], Bound]:
    """The rank by where the value of the ordering column changes."""

    def emit(call: Invocation) -> Bound:
        window = _window(call, "CURRENT ROW")
        if window is None or _restarts(call, 1):
            return Bound(T.LONG, "0")
        return Bound(T.LONG, f"toInt64({engine}() OVER ({call.scope.window}))", is_nullable=False)

    return emit


FUNCTIONS: Final = (
    Function(
        "prev", "value:any, offset?:=long, default?:any", None, _neighbour("lagInFrame"),
        "The value of an earlier row; null, or the default, where there is none.",
        "range x from 1 to 3 step 1 | extend before = prev(x)", 2, "",
    ),
    Function(
        "next", "value:any, offset?:=long, default?:any", None, _neighbour("leadInFrame"),
        "The value of a later row; null, or the default, where there is none.",
        "range x from 1 to 3 step 1 | extend after = next(x)", 2, "",
    ),
    Function(
        "row_number", "start?:long, restart?:bool", None, _row_number,
        "The number of the row, from 1 or a start.",
        "range x from 5 to 7 step 1 | extend n = row_number()", 2, "",
        "A condition to restart at is refused.",
    ),
    Function(
        "row_cumsum", "term:any, restart?:bool", None, _row_cumsum,
        "The sum of the value over the rows so far.",
        "range x from 1 to 3 step 1 | extend total = row_cumsum(x)", 3, "",
        "A condition to restart at is refused.",
    ),
    Function(
        "row_rank_dense", "value:any, restart?:bool", None, _row_rank("dense_rank"),
        "The rank of the row's place in the order; equal values share one, and none is left out.",
        "range x from 1 to 3 step 1 | order by x asc | extend rank = row_rank_dense(x)", 3, "",
        "Ranks by the columns that the rows are ordered by; a condition to restart at is refused.",
    ),
    Function(
        "row_rank_min", "value:any, restart?:bool", None, _row_rank("rank"),
        "The rank of the row's place in the order; equal values share one, then some are left out.",
        "range x from 1 to 3 step 1 | order by x asc | extend rank = row_rank_min(x)", 3, "",
        "Ranks by the columns that the rows are ordered by; a condition to restart at is refused.",
    ),
)  # fmt: skip
