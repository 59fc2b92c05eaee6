"""Datetimes and timespans as KQL counts and prints them: ticks of 100 ns.

A datetime's ticks are from 0001-01-01 UTC. The engine's datetimes are nanoseconds from 1970, in 64
bits: 1677-09-21 to 2262-04-11. The months before 1678 are left out: so the start of a day, a week,
a month or a year is always one that the engine holds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

__all__ = [
    "DAY",
    "EPOCH",
    "HOUR",
    "MAX_DATETIME",
    "MINUTE",
    "MIN_DATETIME",
    "ROOM",
    "SECOND",
    "engine_datetime",
    "is_storable",
    "print_datetime",
    "print_timespan",
]

SECOND: Final = 10_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# 1970-01-01 in ticks from 0001-01-01.
EPOCH: Final = 621_355_968_000_000_000
# 1678-01-01, and the last tick that 64 bits of nanoseconds from 1970 hold.
MIN_DATETIME: Final = 612_512 * DAY
MAX_DATETIME: Final = EPOCH + ((1 << 63) - 1) // 100
# How far a datetime can be rounded down before it leaves what the engine holds: a bin of more needs
# a look at its start.
ROOM: Final = 31 * DAY

_FIRST = datetime(1, 1, 1)  # noqa: DTZ001 - UTC, and no offset in its text


def is_storable(ticks: int) -> bool:
    """Whether the engine can hold this datetime."""
    return MIN_DATETIME <= ticks <= MAX_DATETIME


def engine_datetime(ticks: int) -> str:
    """The text of a datetime as the engine reads it.

    >>> engine_datetime(EPOCH + 12345678)
    '1970-01-01 00:00:01.234567800'
    """
    return f"{_whole_seconds(ticks).replace('T', ' ')}.{ticks % SECOND:07d}00"


def print_datetime(ticks: int) -> str:
    """A datetime as KQL prints it.

    >>> print_datetime(EPOCH)
    '1970-01-01T00:00:00.0000000Z'
    """
    return f"{_whole_seconds(ticks)}.{ticks % SECOND:07d}Z"


def print_timespan(ticks: int) -> str:
    """A timespan as KQL prints it: `[-][d.]hh:mm:ss[.fffffff]`.

    >>> print_timespan(-26 * HOUR - 5)
    '-1.02:00:00.0000005'
    """
    days, rest = divmod(abs(ticks), DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, part = divmod(rest, SECOND)
    sign, whole = "-" if ticks < 0 else "", f"{days}." if days else ""
    tail = f".{part:07d}" if part else ""
    return f"{sign}{whole}{hours:02d}:{minutes:02d}:{seconds:02d}{tail}"


def _whole_seconds(ticks: int) -> str:
    # Not strftime: it writes the year 1 as "1".
    return (_FIRST + timedelta(seconds=ticks // SECOND)).isoformat()
