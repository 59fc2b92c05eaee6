"""Months as numbers, from January of the year 0: SQL of the start of each that the engine holds.

The engine's makeDateTime64 knows no month before 1900, and its calendar goes round at its ends.
"""

from __future__ import annotations

from typing import Final

__all__ = ["FIRST_MONTH", "LAST_MONTH", "month_of", "month_start"]

# January 1678 and April 2262 (ticks.py).
FIRST_MONTH: Final = 1678 * 12
LAST_MONTH: Final = 2262 * 12 + 3


def month_of(year: str, month: str) -> str:
    """The number of a month; `month` is from 1."""
    return f"(toInt64({year}) * 12 + toInt64({month}) - 1)"


def month_start(number: str) -> str:
    """The datetime at which a month begins; anything unless it is FIRST_MONTH to LAST_MONTH."""
    first = "toDateTime64('1678-01-01 00:00:00', 9, 'UTC')"
    return f"({first} + toIntervalMonth(toInt64({number} - {FIRST_MONTH})))"
