"""Times as KQL counts them: ticks of 100 ns since the year 1, and their texts.

Source: KQL, "The datetime data type", "The timespan data type".
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

__all__ = ["MAX_TICKS", "TICKS_PER_S", "format_timespan", "now_ticks", "to_ticks"]

TICKS_PER_S = 10_000_000
_EPOCH_TICKS = 621_355_968_000_000_000
MAX_TICKS = 3_155_378_975_999_999_999  # 9999-12-31T23:59:59.9999999
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now_ticks() -> int:
    """Return the time now."""
    return _EPOCH_TICKS + time.time_ns() // 100


def to_ticks(moment: datetime) -> int:
    """Return a moment in ticks; one without a zone is UTC.

    >>> to_ticks(datetime(1, 1, 1))
    0
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    since = moment - _UNIX_EPOCH
    whole_s = since.days * 86_400 + since.seconds
    return _EPOCH_TICKS + whole_s * TICKS_PER_S + since.microseconds * 10


def format_timespan(ticks: int) -> str:
    """Write a timespan as KQL does: `[-][d.]hh:mm:ss[.fffffff]`.

    >>> format_timespan(937_845_000_000)
    '1.02:03:04.5000000'
    >>> format_timespan(-600_000_000)
    '-00:01:00'
    """
    seconds, fraction = divmod(abs(ticks), TICKS_PER_S)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    sign = "-" if ticks < 0 else ""
    day = f"{days}." if days else ""
    rest = f".{fraction:07}" if fraction else ""
    return f"{sign}{day}{hour:02}:{minute:02}:{second:02}{rest}"
