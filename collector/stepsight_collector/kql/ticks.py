"""Datetimes and timespans as KQL counts and prints them: ticks of 100 ns.

A datetime's ticks are from 0001-01-01 UTC. The engine's datetimes are nanoseconds from 1970, in 64
bits: 1677-09-21 to 2262-04-11.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = [
    "DAY",
    "EPOCH",
    "HOUR",
    "MAX_DATETIME",
    "MINUTE",
    "MIN_DATETIME",
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
# The first and the last tick that 64 bits of nanoseconds from 1970 hold.
MIN_DATETIME: Final = EPOCH - (1 << 63) // 100
MAX_DATETIME: Final = EPOCH + ((1 << 63) - 1) // 100

_FIRST = datetime(1, 1, 1, tzinfo=UTC)


def is_storable(ticks: int) -> bool:
    """Whether the engine can hold this datetime."""
    return MIN_DATETIME <= ticks <= MAX_DATETIME


def engine_datetime(ticks: int) -> str:
    """The text of a datetime as the engine reads it.

    >>> engine_datetime(EPOCH + 12345678)
    '1970-01-01 00:00:01.234567800'
    """
    return f"{_whole_seconds(ticks):%Y-%m-%d %H:%M:%S}.{ticks % SECOND:07d}00"


def print_datetime(ticks: int) -> str:
    """A datetime as KQL prints it.

    >>> print_datetime(EPOCH)
    '1970-01-01T00:00:00.0000000Z'
    """
    return f"{_whole_seconds(ticks):%Y-%m-%dT%H:%M:%S}.{ticks % SECOND:07d}Z"


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


def _whole_seconds(ticks: int) -> datetime:
    return _FIRST + timedelta(seconds=ticks // SECOND)
