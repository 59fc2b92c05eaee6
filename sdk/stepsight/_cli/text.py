"""Text for people: times, durations, numbers, and telemetry made safe for a terminal."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "ago",
    "clock",
    "count",
    "cut",
    "duration",
    "mask_password",
    "number",
    "one_line",
    "parse_time",
    "printable",
    "size",
]

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
_KIB = 1024
# Colours in a log line are dropped; every other control sequence is shown, not obeyed.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
# C0 but tab and newline, DEL, C1, line and paragraph separators, bidi controls, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Text that cannot steer a terminal; newlines stay, tabs become spaces.

    >>> printable("\x1b[31mred\x1b[0m \x1b]0;title\x07 a\tb")
    'red \\x1b]0;title\\x07 a  b'
    """
    if text.isascii() and text.isprintable():
        return text
    text = _COLOURS.sub("", text).replace("\r\n", "\n")
    return _UNSAFE.sub(lambda match: _escape(match.group()), text).expandtabs(8)


def one_line(text: object) -> str:
    r"""Safe text on one line: a newline is shown as ``\n``."""
    return printable(str(text)).replace("\n", "\\n")


def _escape(character: str) -> str:
    if character == "\r":
        return "\\r"
    point = ord(character)
    return f"\\x{point:02x}" if point <= 0xFF else f"\\u{point:04x}"  # noqa: PLR2004 - one byte


def cut(text: str, width: int) -> str:
    """At most `width` characters, the last one `…` if some are missing."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def parse_time(text: str) -> datetime:
    """A time of the API; it has nanoseconds, more than Python takes."""
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6]:0<6}").replace(tzinfo=timezone.utc)


def clock(text: str | None) -> str:
    """A time to the second in UTC: `2026-11-24 14:15:30Z`."""
    return f"{parse_time(text):%Y-%m-%d %H:%M:%SZ}" if text else ""


def ago(text: str | None, now: datetime | None = None) -> str:
    """How long ago a time was, in its largest unit."""
    if text is None:
        return ""
    seconds = ((now or datetime.now(tz=timezone.utc)) - parse_time(text)).total_seconds()
    for unit, name in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name} ago"
    return f"{max(int(seconds), 0)} s ago"


def duration(seconds: float | None) -> str:
    """A duration with the two units that matter.

    >>> [duration(s) for s in (0.0004, 0.25, 3.14, 75, 4000, 100_000)]
    ['0.4 ms', '250 ms', '3.1 s', '1 min 15 s', '1 h 06 min', '1 d 3 h']
    """
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.{1 if seconds < 0.01 else 0}f} ms"  # noqa: PLR2004 - 10 ms
    if seconds < MINUTE_S:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S:02d} s"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02d} min"
    return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S} h"


def number(value: float | str | None) -> str:
    """A metric value in at most six significant digits; NaN and infinities as the API names them.

    >>> [number(v) for v in (3, 0.344135802913, 1e9, 1234567.5, "NaN", None)]
    ['3', '0.344136', '1000000000', '1.23457e+06', 'NaN', '']
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return one_line(value)
    if float(value).is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - exact as an integer
        return str(int(value))
    return f"{value:.6g}"


def count(amount: int, noun: str) -> str:
    """An amount with its noun: `1 run`, `1,200 runs`."""
    return f"{amount:,} {noun}" + ("" if amount == 1 else "s")


def size(size_bytes: float | None) -> str:
    """Bytes in binary units: `193.5 MiB`."""
    if size_bytes is None:
        return ""
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < _KIB:
            return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= _KIB
    return f"{size_bytes:.1f} GiB"


def mask_password(text: str) -> str:
    """An address without the password that may be in it.

    >>> mask_password("https://me:secret@host:4318/x")
    'https://me:***@host:4318/x'
    """
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError:
        return text
    if password is None:
        return text
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}"))
