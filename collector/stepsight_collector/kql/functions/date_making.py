"""Datetimes and timespans made of numbers, and of what clocks in a time zone show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from stepsight_collector.kql.conversions import convert, datetime_ticks, storable
from stepsight_collector.kql.functions.months import LAST_MONTH, month_of, month_start
from stepsight_collector.kql.functions.table import Function
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.ticks import DAY, HOUR, MINUTE, SECOND
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType


def _make_datetime(call: Invocation) -> Bound:
    """`make_datetime(year, month, day, hour, minute, second)`; null where there is no such time."""
    if len(call.arguments) == 1:
        return convert(call.arguments[0], T.DATETIME, call.scope)
    if len(call.arguments) not in {3, 5, 6}:
        message = f"make_datetime takes 1, 3, 5 or 6 arguments, found {len(call.arguments)}"
        hint = "It is make_datetime(year, month, day, hour, minute, second)."
        return call.fail("wrong_arguments", message, hint)
    sqls = [convert(each, T.REAL, call.scope).sql for each in call.arguments]
    year, month, day, hour, minute, second = [*sqls, "0", "0", "0"][:6]
    number = month_of(year, month)
    first = month_start(number)
    valid = (
        f"{month} BETWEEN 1 AND 12 AND {hour} BETWEEN 0 AND 23 AND {minute} BETWEEN 0 AND 59 "
        f"AND {second} >= 0 AND {second} < 60 AND {year} BETWEEN 1678 AND 2262 "
        f"AND {number} <= {LAST_MONTH} AND {day} BETWEEN 1 AND 31 "
        f"AND toDayOfMonth({first} + toIntervalDay(toInt64({day}) - 1)) = toInt64({day})"
    )
    ticks = (
        f"({datetime_ticks(first)} + (toInt64({day}) - 1) * {DAY} + toInt64({hour}) * {HOUR} "
        f"+ toInt64({minute}) * {MINUTE} + toInt64(trunc({second} * {SECOND})))"
    )
    return Bound(T.DATETIME, f"if({valid}, {storable(ticks)}, NULL)")


def _make_timespan(call: Invocation) -> Bound:
    """`make_timespan(hours, minutes[, seconds])`, or with days in front."""
    count = len(call.arguments)
    if count == 1:
        return convert(call.arguments[0], T.TIMESPAN, call.scope)
    sqls = [convert(each, T.REAL, call.scope).sql for each in call.arguments]
    if count < 4:  # noqa: PLR2004 - without days
        sqls = ["0", *sqls, "0"][:4]
    days, hours, minutes, seconds = sqls
    ticks = f"{days} * {DAY} + {hours} * {HOUR} + {minutes} * {MINUTE} + {seconds} * {SECOND}"
    valid = (
        f"{hours} BETWEEN 0 AND 23 AND {minutes} BETWEEN 0 AND 59 "
        f"AND {seconds} >= 0 AND {seconds} < 60"
    )
    return Bound(T.TIMESPAN, f"if({valid}, accurateCastOrNull(round({ticks}), 'Int64'), NULL)")


def _unixtime(unit: str, per_tick: float) -> Function:
    def emit(call: Invocation) -> Bound:
        value = call.arguments[0]
        if value.type in {T.INT, T.LONG}:
            ticks = (
                f"toInt128({value.sql}) * {int(per_tick)}"
                if per_tick >= 1
                else f"intDiv({value.sql}, 100)"
            )
        else:
            ticks = f"trunc(toFloat64({value.sql}) * {per_tick})"
        return Bound(T.DATETIME, storable(f"accurateCastOrNull({ticks}, 'Int64')"))

    return Function(
        f"unixtime_{unit}_todatetime", "number:number", None, emit,
        f"The datetime that is so many {unit} after 1970-01-01 UTC.",
        f"print unixtime_{unit}_todatetime(1)", 3,
    )  # fmt: skip


def _zone(call: Invocation) -> str | Bound:
    name = str(call.constant(1))
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        message = f'there is no time zone "{name}"'
        return call.fail("bad_value", message, "Zones are named like Europe/Paris.", 1)
    return call.text(name)


def _utc_to_local(call: Invocation) -> Bound:
    zone = _zone(call)
    if isinstance(zone, Bound):
        return zone
    local = f"toDateTime64OrNull(toString({call.sql(0)}, {zone}), 9, 'UTC')"
    return Bound(T.DATETIME, f"if(toYear({local}) < 1678, NULL, {local})")


def _local_to_utc(call: Invocation) -> Bound:
    zone = _zone(call)
    if isinstance(zone, Bound):
        return zone
    local = f"toDateTime64OrNull(toString({call.sql(0)}, 'UTC'), 9, {zone})"
    utc = f"toTimeZone({local}, 'UTC')"
    return Bound(T.DATETIME, f"if(toYear({utc}) < 1678, NULL, {utc})")


FUNCTIONS: Final = (
    Function(
        "make_datetime", "year:any, month?:any, day?:any, hour?:any, minute?:any, second?:any",
        None,
        _make_datetime,
        "The datetime of these parts; null if there is none.",
        "print make_datetime(2026, 11, 25, 10, 0)", 3,
    ),
    Function(
        "make_timespan", "first:any, second?:any, third?:any, fourth?:any", None, _make_timespan,
        "The timespan of hours, minutes and seconds; with four arguments, days first.",
        "print make_timespan(1, 30)", 3,
    ),
    _unixtime("seconds", SECOND),
    _unixtime("milliseconds", SECOND // 1000),
    _unixtime("microseconds", 10),
    _unixtime("nanoseconds", 0.01),
    Function(
        "datetime_utc_to_local", "moment:datetime, timezone:=string", None, _utc_to_local,
        "What clocks in a time zone show at a time in UTC.",
        'print datetime_utc_to_local(datetime(2026-11-25 10:00), "Europe/Paris")', 3,
    ),
    Function(
        "datetime_local_to_utc", "moment:datetime, timezone:=string", None, _local_to_utc,
        "The time in UTC at which clocks in a time zone show a time.",
        'print datetime_local_to_utc(datetime(2026-11-25 10:00), "Europe/Paris")', 3,
    ),
)  # fmt: skip
