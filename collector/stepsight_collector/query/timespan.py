"""The `timespan` of a query: ISO 8601 text in, a range of ticks out.

Forms: a duration (up to now), start/end, start/duration, duration/end. A year is 365 days and a
month 30, as .NET counts them, which the original service is built on.

Source: ISO 8601-1, 4.4.2; Azure Monitor, "Request format for the Azure Monitor Logs query API".
"""

from __future__ import annotations

import re
from datetime import datetime
from fractions import Fraction

from stepsight_collector.query.times import MAX_TICKS, TICKS_PER_S, to_ticks

__all__ = ["TimespanError", "both", "parse_timespan"]

Range = tuple[int, int | None]

# An exponent is what the Azure SDK for Python writes of a very short time.
_NUMBER = r"(\d{1,15}(?:[.,]\d{1,15})?(?:E-?\d\d)?)"
_DURATION = re.compile(
    rf"P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?\Z"
)
_UNITS_S = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?\Z"
)


class TimespanError(ValueError):
    """A timespan that cannot be read; the message says what is wrong with it."""


def parse_timespan(text: str, now_ticks: int) -> Range:
    """Return start and end in ticks; the end is None for a duration up to now.

    >>> parse_timespan("0001-01-01T00:00:01Z/PT2.5S", 0)
    (10000000, 35000000)
    """
    first, slash, second = text.strip().partition("/")
    if not slash:
        return max(0, now_ticks - _duration(first, text)), None
    if _is_duration(first):
        end = _moment(second, text)
        return max(0, end - _duration(first, text)), end
    start = _moment(first, text)
    if _is_duration(second):
        return start, min(MAX_TICKS, start + _duration(second, text))
    end = _moment(second, text)
    if end < start:
        raise TimespanError(f'the timespan "{_short(text)}" ends before it starts: swap its parts')
    return start, end


def both(one: Range | None, other: Range | None) -> Range | None:
    """Return the time that is in both ranges; None is all of it.

    >>> both((1, 9), (3, None))
    (3, 9)
    """
    if one is None or other is None:
        return one or other
    ends = [end for _, end in (one, other) if end is not None]
    return max(one[0], other[0]), min(ends) if ends else None


def _is_duration(text: str) -> bool:
    return text.lstrip()[:1] in {"P", "p"}


def _duration(text: str, whole: str) -> int:
    match = _DURATION.match(text.strip().upper())
    numbers = [group for group in match.groups() if group] if match else []
    if match is None or not numbers or text.rstrip().upper().endswith("T"):
        raise TimespanError(
            f'the timespan "{_short(whole)}" is neither an ISO 8601 duration, as in P1D or PT12H, '
            "nor two of start, end and duration with a slash between them, as in "
            "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z or 2026-01-01/P1D"
        )
    seconds = sum(
        Fraction(group.replace(",", ".")) * unit
        for group, unit in zip(match.groups(), _UNITS_S, strict=True)
        if group
    )
    return min(MAX_TICKS, int(seconds * TICKS_PER_S))


def _moment(text: str, whole: str) -> int:
    match = _MOMENT.match(text.strip().upper())
    if match is None:
        raise TimespanError(
            f'the timespan "{_short(whole)}" has "{_short(text)}" where a date and time must '
            "stand, as in 2026-01-01 or 2026-01-01T08:30:00Z"
        )
    date, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock or '00:00'}{zone or ''}")
        ticks = to_ticks(moment) + int((fraction or "0").ljust(7, "0")[:7])
    except (ValueError, OverflowError) as exc:
        raise TimespanError(
            f'the timespan "{_short(whole)}" has "{_short(text)}", which is no time: {exc}'
        ) from exc
    return min(MAX_TICKS, max(0, ticks))


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"  # noqa: PLR2004 - to fit a line
