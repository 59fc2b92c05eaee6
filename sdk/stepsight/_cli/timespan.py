"""`--timespan`: how people say a span of time, made what the query API reads (ISO 8601)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["FORMS", "parse_timespan"]

FORMS = "1h, 30m, 7d, today, 2026-11-24, 2026-11-24T14:00Z/2026-11-24T15:00Z, 2h/1h or P1D"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)\Z")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_ISO_DURATION = re.compile(
    r"P(?=.)(?:\d+(?:\.\d+)?Y)?(?:\d+(?:\.\d+)?M)?(?:\d+(?:\.\d+)?W)?(?:\d+(?:\.\d+)?D)?"
    r"(?:T(?=.)(?:\d+(?:\.\d+)?H)?(?:\d+(?:\.\d+)?M)?(?:\d+(?:\.\d+)?S)?)?\Z"
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def parse_timespan(text: str, now: datetime | None = None) -> str:
    """ISO 8601 of a span of time: a duration up to now, or a start and an end.

    A day is all of it; a time without an end reaches until now; `A/B` has two times, each a time,
    a day (its midnight) or how long ago. Times without a zone are UTC. Raises ValueError, whose
    message says what was expected.

    >>> parse_timespan("90m"), parse_timespan("7d"), parse_timespan("2026-11-24")
    ('PT5400S', 'P7D', '2026-11-24T00:00:00Z/2026-11-25T00:00:00Z')
    """
    now = now or datetime.now(tz=timezone.utc)
    text = text.strip()
    if _ISO_DURATION.match(text.upper()):
        return text.upper()
    days = {"today": now.date(), "yesterday": now.date() - timedelta(days=1)}
    if text in days:
        text = days[text].isoformat()
    if "/" in text:
        return _interval(text, now)
    match = _DURATION.match(text)
    if match:
        return _duration(float(match[1]), match[2])
    start = _time(text, now)
    end = start + timedelta(days=1) if _DAY.match(text) else now
    return _checked(start, end)


def _duration(amount: float, unit: str) -> str:
    seconds = amount * _UNITS_S[unit]
    if seconds <= 0:
        raise ValueError("a span longer than 0")
    if seconds % _UNITS_S["d"] == 0:
        return f"P{seconds // _UNITS_S['d']:.0f}D"
    return f"PT{seconds:.3f}".rstrip("0").rstrip(".") + "S"


def _interval(text: str, now: datetime) -> str:
    head, _, tail = (part.strip() for part in text.partition("/"))
    if _ISO_DURATION.match(tail.upper()):
        return f"{_iso(_time(head, now))}/{tail.upper()}"
    if _ISO_DURATION.match(head.upper()):
        return f"{head.upper()}/{_iso(_time(tail, now))}"
    return _checked(_time(head, now), _time(tail, now) if tail else now)


def _checked(start: datetime, end: datetime) -> str:
    if start >= end:
        raise ValueError(f"a start before the end, not {_iso(start)} to {_iso(end)}")
    return f"{_iso(start)}/{_iso(end)}"


def _time(text: str, now: datetime) -> datetime:
    match = _DURATION.match(text)
    if match:
        return now - timedelta(seconds=float(match[1]) * _UNITS_S[match[2]])
    if text == "now":
        return now
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]\Z", "+00:00", text))
    except ValueError as exc:
        raise ValueError(FORMS) from exc
    if found.tzinfo is None:
        return found.replace(tzinfo=timezone.utc)
    return found.astimezone(timezone.utc)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="microseconds" if time.microsecond else "seconds").replace(
        "+00:00", "Z"
    )
