"""Times and durations as clients write them, in nanoseconds.

Text in, numbers out; what cannot be read is None.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

__all__ = ["TimeReader", "duration_nano"]

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_DURATION = re.compile(r"(?:(\d{1,6})\.)?(\d{1,2}):(\d\d):(\d\d)(?:\.(\d+))?", re.ASCII)
_MAX_NANO = 2**63 - 1  # in the year 2262; the store's times end there
_SECOND = 1_000_000_000
_MS = 1_000_000
_SECONDS_CHARS = 19  # of 2026-11-24T03:31:34


class TimeReader:
    """Reads times. Remembers seconds: the envelopes of one request share a few of them."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: dict[str, int] = {}

    def unix_nano(self, value: Any) -> int | None:
        """Read ISO 8601; without an offset it is UTC. Digits after the ninth are cut.

        Only 1970 to 2262: the store's times and OTLP's numbers hold no others.
        """
        if not isinstance(value, str):
            return None
        seconds = self._seconds.get(value[:_SECONDS_CHARS])
        if seconds is not None:
            rest = value[_SECONDS_CHARS:].removesuffix("Z")
            if not rest:
                return seconds * _SECOND
            if rest[0] == "." and rest.isascii() and rest[1:].isdecimal():
                return seconds * _SECOND + _fraction_nano(rest[1:])
        return self._read(value.strip())

    def _read(self, text: str) -> int | None:
        match = _TIME.fullmatch(text)
        if match is None:
            return None
        day, clock, fraction, offset = match.groups()
        try:
            moment = datetime.fromisoformat(f"{day}T{clock}{_offset(offset)}")
        except ValueError:
            return None
        seconds = math.floor((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
        if not 0 < seconds < _MAX_NANO // _SECOND:
            return None
        if offset is None or offset in "Zz":
            self._seconds[text[:_SECONDS_CHARS]] = seconds
        return seconds * _SECOND + _fraction_nano(fraction or "")


def _offset(text: str | None) -> str:
    return "+00:00" if text is None or text in "Zz" else text


def _fraction_nano(digits: str) -> int:
    return int((digits[:9] + "000000000")[:9])


def duration_nano(value: Any) -> int | None:
    """Read `d.hh:mm:ss.fffffff`, days optional, one or more digits; a number is milliseconds.

    >>> duration_nano("1.00:00:00.010"), duration_nano("00:00:01.234"), duration_nano(1500)
    (86400010000000, 1234000000, 1500000000)
    >>> duration_nano("soon") is None, duration_nano(-1) is None
    (True, True)
    """
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is not None:
            days, hours, minutes, seconds, fraction = match.groups()
            whole = int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + int(seconds)
            return whole * _SECOND + _fraction_nano(fraction or "")
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= _MAX_NANO // _MS:  # False for NaN
        return None
    return round(value * _MS)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
