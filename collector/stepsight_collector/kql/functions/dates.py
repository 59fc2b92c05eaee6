"""Functions on datetimes and timespans; all in UTC. Formats are in `date_formats.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.arithmetic import add, subtract
from stepsight_collector.kql.conversions import datetime_ticks, storable
from stepsight_collector.kql.functions.date_formats import FUNCTIONS as FORMATS
from stepsight_collector.kql.functions.date_making import FUNCTIONS as MADE
from stepsight_collector.kql.functions.months import (
    FIRST_MONTH,
    LAST_MONTH,
    month_of,
    month_start,
)
from stepsight_collector.kql.functions.rounding import floor_datetime
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.literals import bind_constant
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.ticks import DAY, HOUR, MINUTE, SECOND
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType
# 1970-01-01 was a Thursday; KQL's weeks begin on Sunday.
_FIRST_SUNDAY: Final = 3 * DAY
_SIZES: Final = {
    "week": 7 * DAY, "day": DAY, "hour": HOUR, "minute": MINUTE, "second": SECOND,
    "millisecond": SECOND // 1000, "microsecond": 10,
}  # fmt: skip
_MONTHS: Final = {"year": 12, "quarter": 3, "month": 1}
_PARTS: Final = {
    "year": "toYear({0})", "quarter": "toQuarter({0})", "month": "toMonth({0})",
    "week_of_year": "toISOWeek({0})", "weekofyear": "toISOWeek({0})", "week": "toISOWeek({0})",
    "day": "toDayOfMonth({0})", "dayofyear": "toDayOfYear({0})", "day_of_year": "toDayOfYear({0})",
    "hour": "toHour({0})", "minute": "toMinute({0})", "second": "toSecond({0})",
    "millisecond": "intDiv({1}, 10000)", "microsecond": "intDiv({1}, 10)",
    "nanosecond": "({1} * 100)",
}  # fmt: skip


def _now(call: Invocation) -> Bound:
    now = bind_constant(call.scope, T.DATETIME, call.scope.statement.now_ticks)
    return add(now, call.arguments[0], call.scope) if call.has(0) else now


def _ago(call: Invocation) -> Bound:
    now = bind_constant(call.scope, T.DATETIME, call.scope.statement.now_ticks)
    return subtract(now, call.arguments[0], call.scope)


def _start(unit: str, moment: str) -> str:
    """SQL of the start of the day, week, month or year: one that the engine holds."""
    if unit == "week":
        return floor_datetime(moment, str(7 * DAY), str(_FIRST_SUNDAY))
    if unit == "day":
        return floor_datetime(moment, str(DAY))
    ns, day_ns = f"toUnixTimestamp64Nano({moment})", DAY * 100
    days = f"(toDayOf{unit.title()}({moment}) - 1) * {day_ns}"
    return f"fromUnixTimestamp64Nano({ns} - positiveModulo({ns}, {day_ns}) - {days}, 'UTC')"


def _later_start(unit: str, moment: str, count: str, ticks_before: int = 0) -> str:
    """SQL of the start so many days, weeks, months or years later, less some ticks.

    NULL where the engine cannot hold it. `count` may be any number of 64 bits, and one more.
    """
    if unit in _SIZES:
        start = datetime_ticks(_start(unit, moment))
        return storable(f"({start} + toInt128({count}) * {_SIZES[unit]} - {ticks_before})")
    number = month_of(f"toYear({moment})", f"toMonth({moment})" if unit == "month" else "1")
    number = f"({number} + toInt128({count}) * {_MONTHS[unit]})"
    start = month_start(number)
    if not ticks_before:
        return f"if({number} BETWEEN {FIRST_MONTH} AND {LAST_MONTH}, {start}, NULL)"
    before = f"({start} - toIntervalNanosecond({ticks_before * 100}))"
    return f"if({number} BETWEEN {FIRST_MONTH + 1} AND {LAST_MONTH}, {before}, NULL)"


def _startof(unit: str) -> Function:
    def emit(call: Invocation) -> Bound:
        if call.has(1):
            return Bound(T.DATETIME, _later_start(unit, call.sql(0), call.sql(1)))
        return call.made(T.DATETIME, _start(unit, call.sql(0)))

    return Function(
        f"startof{unit}", "moment:datetime, offset?:long", None, emit,
        f"The start of the {unit} of a datetime, or of one some {unit}s later.",
        f"print startof{unit}(datetime(2026-11-25 10:00))", 1, "first" if unit == "day" else "",
    )  # fmt: skip


def _endof(unit: str) -> Function:
    def emit(call: Invocation) -> Bound:
        later = f"(toInt128({call.sql(1)}) + 1)" if call.has(1) else "1"
        return Bound(T.DATETIME, _later_start(unit, call.sql(0), later, ticks_before=1))

    return Function(
        f"endof{unit}", "moment:datetime, offset?:long", None, emit,
        f"The last tick of the {unit} of a datetime, or of one some {unit}s later.",
        f"print endof{unit}(datetime(2026-11-25 10:00))", 2,
    )  # fmt: skip


def _part_name(call: Invocation, known: object) -> str | Bound:
    """The `part` argument in lower case, if it is one that there is."""
    name = str(call.constant(0)).lower()
    if isinstance(known, dict) and name in known:
        return name
    parts = ", ".join(sorted(known if isinstance(known, dict) else ()))
    message = f'{call.node.name} knows no part "{call.constant(0)}"'
    return call.fail("bad_value", message, f"It is one of {parts}.", 0)


def _datetime_part(call: Invocation) -> Bound:
    part = _part_name(call, _PARTS)
    if isinstance(part, Bound):
        return part
    moment = call.sql(1)
    fraction = f"positiveModulo({datetime_ticks(moment)}, {SECOND})"
    return call.made(T.INT, f"toInt32({_PARTS[part].format(moment, fraction)})")


def _datetime_add(call: Invocation) -> Bound:
    part = _part_name(call, {**_MONTHS, **_SIZES})
    if isinstance(part, Bound):
        return part
    count, moment = call.arguments[1], call.arguments[2]
    if part in _MONTHS:
        months = f"toInt128({count.sql}) * {_MONTHS[part]}"
        number = f"({month_of(f'toYear({moment.sql})', f'toMonth({moment.sql})')} + {months})"
        later = f"({moment.sql} + toIntervalMonth(toInt64({months})))"
        # Late in its last month the engine's calendar goes round.
        fits = f"{number} BETWEEN {FIRST_MONTH} AND {LAST_MONTH} AND toYear({later}) >= 1678"
        return Bound(T.DATETIME, f"if({fits}, {later}, NULL)")
    ticks = f"(toInt128({datetime_ticks(moment.sql)}) + toInt128({count.sql}) * {_SIZES[part]})"
    return Bound(T.DATETIME, storable(ticks))


def _datetime_diff(call: Invocation) -> Bound:
    """Whole periods from the second to the first, by the boundaries between them."""
    counters: dict[str, str] = {
        "year": "toInt64(toYear({0}))",
        "quarter": "(toInt64(toYear({0})) * 4 + toQuarter({0}))",
        "month": "(toInt64(toYear({0})) * 12 + toMonth({0}))",
        "nanosecond": "({1} * 100)",
    }
    for unit, size in _SIZES.items():
        shifted = f"({{1}} - {_FIRST_SUNDAY})" if unit == "week" else "{1}"
        counters[unit] = (
            f"toInt64(floor({shifted} / {size}))"
            if size < SECOND
            else (f"intDiv({shifted} - toInt64(positiveModulo({shifted}, {size})), {size})")
        )
    part = _part_name(call, counters)
    if isinstance(part, Bound):
        return part
    first, second = (
        counters[part].format(each.sql, datetime_ticks(each.sql)) for each in call.arguments[1:]
    )
    return call.made(T.LONG, f"({first} - {second})")


def _number(name: str, sql: str, doc: str, kind: ScalarType = T.INT, tier: int = 2) -> Function:
    example = f"print {name}(datetime(2026-11-25 10:00))"
    return Function(name, "moment:datetime", kind, sql, doc, example, tier)


FUNCTIONS: Final = (
    Function(
        "now", "offset?:timespan", None, _now,
        "The time at which the query began, the same all through it; or so much later.",
        "print now() > ago(1m)", 1,
    ),
    Function(
        "ago", "span:timespan", None, _ago,
        "The time so long before now().",
        "print ago(1h) < now()", 1,
    ),
    *(_startof(unit) for unit in ("day", "week", "month", "year")),
    *(_endof(unit) for unit in ("day", "week", "month", "year")),
    _number(
        "dayofweek", f"toInt64(toDayOfWeek({{0}}) % 7) * {DAY}",
        "The time since Sunday, in whole days, as a timespan.", T.TIMESPAN,
    ),
    _number("dayofmonth", "toInt32(toDayOfMonth({0}))", "The day of the month, from 1."),
    _number("dayofyear", "toInt32(toDayOfYear({0}))", "The day of the year, from 1."),
    _number("hourofday", "toInt32(toHour({0}))", "The hour of the day, 0 to 23."),
    _number("monthofyear", "toInt32(toMonth({0}))", "The month, 1 to 12."),
    _number("getmonth", "toInt32(toMonth({0}))", "The month, 1 to 12."),
    _number("getyear", "toInt32(toYear({0}))", "The year."),
    *alias(
        _number(
            "week_of_year", "toInt32(toISOWeek({0}))",
            "The week of the year, as ISO 8601 counts it.",
        ),
        "weekofyear",
    ),
    *alias(
        Function(
            "datetime_part", "part:=string, moment:datetime", None, _datetime_part,
            "A part of a datetime: year, quarter, month, week_of_year, day, hour and so on.",
            'print datetime_part("hour", datetime(2026-11-25 10:00))', 2,
        ),
        "datepart",
    ),
    Function(
        "datetime_add", "part:=string, count:long, moment:datetime", None, _datetime_add,
        "The datetime so many periods later: year, quarter, month, week, day, hour and so on.",
        'print datetime_add("month", 1, datetime(2026-01-31))', 2,
    ),
    Function(
        "datetime_diff", "part:=string, later:datetime, earlier:datetime", None, _datetime_diff,
        "How many boundaries of a period lie between two datetimes; weeks begin on Sunday.",
        'print datetime_diff("hour", datetime(2026-11-25 10:01), datetime(2026-11-25 09:59))', 2,
    ),
    *MADE,
    *FORMATS,
)  # fmt: skip
