"""`bin`, `bin_at`, `floor`, `ceiling`, `round`: down to a multiple, towards minus infinity.

A bin of a datetime counts from 1970-01-01, whatever its size: bins of 7 days begin on a Thursday.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import (
    NUMBERS,
    convert,
    datetime_ticks,
    from_ticks,
    storable,
)
from stepsight_collector.kql.functions.table import Function, Invocation, alias
from stepsight_collector.kql.literals import bind_constant, null
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.ticks import EPOCH, ROOM
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.scope import Scope

__all__ = ["FUNCTIONS", "floor_datetime"]

T = ScalarType


def floor_datetime(moment: str, size: str, offset: str = "0") -> str:
    """SQL of the start of the bin that a datetime is in; `size` and `offset` are in ticks."""
    ns = f"toUnixTimestamp64Nano({moment})"
    if offset == "0":
        return f"fromUnixTimestamp64Nano({ns} - positiveModulo({ns}, {size} * 100), 'UTC')"
    return from_ticks(_floored_ticks(moment, size, offset))


def _floored_ticks(moment: str, size: str, offset: str) -> str:
    ticks = datetime_ticks(moment)
    return f"({ticks} - positiveModulo({ticks} - ({offset}), {size}))"


def _is_small(size: Bound) -> bool:
    """Whether the start of a bin of this size is a datetime whenever what is in it is one."""
    return isinstance(size.constant, int) and size.constant <= ROOM


def _bin(call: Invocation) -> Bound:
    value, size = call.arguments
    value, size = _settled(value, size, call.scope), _settled(size, value, call.scope)
    zero = bind_constant(call.scope, value.type, EPOCH if value.type is T.DATETIME else 0)
    return _binned(call, value, size, zero)


def _settled(value: Bound, other: Bound, scope: Scope) -> Bound:
    """A dynamic takes the type that its partner wants."""
    if value.type is not T.DYNAMIC:
        return value
    return convert(value, T.DATETIME if other.type is T.TIMESPAN else T.REAL, scope)


def _bin_at(call: Invocation) -> Bound:
    value, size, point = call.arguments
    value = _settled(value, size, call.scope)
    if point.type in NUMBERS and value.type in NUMBERS:
        return _binned(call, value, size, point)
    if point.type is not value.type:
        kinds = f"a {value.type.value} for fixed_point, found a {point.type.value}"
        message = f"{call.node.name} wants {kinds}"
        return call.fail("wrong_type", message, place=2)
    return _binned(call, value, size, point)


def _binned(call: Invocation, value: Bound, size: Bound, point: Bound) -> Bound:
    kinds = value.type, size.type
    if kinds in {(T.DATETIME, T.TIMESPAN), (T.TIMESPAN, T.TIMESPAN)} or set(kinds) <= NUMBERS:
        return _floored(value, size, point)
    message = f"{call.node.name} cannot round a {value.type.value} to a {size.type.value}"
    hint = "Round times to a timespan: bin(timestamp, 1h)." if value.type is T.DATETIME else ""
    return call.fail("wrong_type", message, hint, 1)


def _floored(value: Bound, size: Bound, point: Bound) -> Bound:
    known = size.constant
    if known is None or (isinstance(known, (int, float)) and known <= 0) or value.constant is None:
        return null(T.LONG if value.type is T.INT else value.type)
    is_sure = isinstance(known, (int, float))
    kind = _kind(value, size)
    sql = _floor_sql(kind, value, size, point)
    may_leave = kind is T.DATETIME and not _is_small(size)
    is_nullable = value.is_nullable or point.is_nullable or not is_sure or may_leave
    return Bound(
        kind, sql if is_sure else f"if({size.sql} > 0, {sql}, NULL)", is_nullable=is_nullable
    )


def _kind(value: Bound, size: Bound) -> ScalarType:
    if value.type in {T.DATETIME, T.TIMESPAN}:
        return value.type
    if T.REAL in {value.type, size.type}:
        return T.REAL
    return T.DECIMAL if T.DECIMAL in {value.type, size.type} else T.LONG


def _floor_sql(kind: ScalarType, value: Bound, size: Bound, point: Bound) -> str:
    if kind is T.DATETIME:
        offset = "0" if point.constant == EPOCH else datetime_ticks(point.sql)
        if _is_small(size):
            return floor_datetime(value.sql, size.sql, offset)
        return storable(_floored_ticks(value.sql, f"greatest({size.sql}, 1)", offset))
    shift = "" if point.constant == 0 else f" - {point.sql}"
    back = "" if point.constant == 0 else f" + {point.sql}"
    if kind in {T.REAL, T.DECIMAL}:
        floored = (
            f"floor((toFloat64({value.sql}){shift}) / {size.sql}) * toFloat64({size.sql}){back}"
        )
        return f"({floored})" if kind is T.REAL else f"toDecimal128({floored}, 17)"
    # A divisor of zero must not reach the engine, whichever branch it takes.
    divisor = size.sql if isinstance(size.constant, int) else f"greatest({size.sql}, 1)"
    return f"({value.sql} - toInt64(positiveModulo({value.sql}{shift}, {divisor})))"


def _round(call: Invocation) -> Bound:
    value = call.arguments[0]
    kind = T.LONG if value.type is T.INT else value.type
    if kind is T.LONG and not call.has(1):
        return replace(value, type=kind)
    places = f"toInt8({call.sql(1)})" if call.has(1) else "0"
    return Bound(kind, f"round({value.sql}, {places})", is_nullable=value.is_nullable)


def _ceiling(call: Invocation) -> Bound:
    value = call.arguments[0]
    if value.type in {T.INT, T.LONG}:
        return replace(value, type=T.LONG)
    return call.made(value.type, f"ceil({value.sql})")


FUNCTIONS: Final = (
    *alias(
        Function(
            "bin", "value:any, size:any", None, _bin,
            "The value rounded down to a multiple of the size; times count from 1970-01-01.",
            "print bin(17, 5)", 1, "first",
            "Bins of several days count from 1970-01-01, a Thursday; use startofweek for weeks.",
        ),
        "floor",
    ),
    Function(
        "bin_at", "value:any, size:any, fixed_point:any", None, _bin_at,
        "The value rounded down to a bin of this size, of which one begins at the fixed point.",
        "print bin_at(6.5, 2.5, 7)", 2, "first",
    ),
    Function(
        "ceiling", "number:number", None, _ceiling,
        "The least whole number that is not below the number.",
        "print ceiling(1.2)", 2, "first",
    ),
    Function(
        "round", "number:number, places?:long", None, _round,
        "The number rounded to so many places after the point; exact halves to the even digit.",
        "print round(2.345, 1)", 1, "first",
    ),
)  # fmt: skip
