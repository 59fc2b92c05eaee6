"""The value of a constant as it is written in a query: strings, times, numbers.

A function returns None, or raises BadConstantError, where the text is no such constant; what a
value looks like is said in `syntax.Literal`.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation

from stepsight_collector.kql.types import ScalarType

__all__ = [
    "MAX_DATETIME",
    "BadConstantError",
    "is_unit",
    "read_datetime",
    "read_string",
    "read_timespan",
    "read_typed",
    "write_datetime",
    "write_timespan",
]

TICKS_PER_SECOND = 10_000_000
TICKS_PER_DAY = 86_400 * TICKS_PER_SECOND
MAX_DATETIME = 3_652_059 * TICKS_PER_DAY - 1  # the last tick of the year 9999
_MAX_TIMESPAN = 2**63 - 1

_TICKS_BY_UNIT: dict[str, Decimal | int] = {
    "d": TICKS_PER_DAY, "h": 3600 * TICKS_PER_SECOND, "m": 60 * TICKS_PER_SECOND,
    "s": TICKS_PER_SECOND, "ms": 10_000, "micro": 10, "tick": 1, "nano": Decimal("0.01"),
}  # fmt: skip
_UNITS = {
    "day": "d", "days": "d", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "min": "m",
    "minute": "m", "minutes": "m", "sec": "s", "second": "s", "seconds": "s", "milli": "ms",
    "millis": "ms", "millisecond": "ms", "milliseconds": "ms", "micros": "micro",
    "microsecond": "micro", "microseconds": "micro", "nanos": "nano", "nanosecond": "nano",
    "nanoseconds": "nano", "ticks": "tick",
} | {unit: unit for unit in _TICKS_BY_UNIT}  # fmt: skip
_WITH_UNIT = re.compile(r"\s*(-?)\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*", re.IGNORECASE)
_CLOCK = re.compile(
    r"\s*(-?)(?:([0-9]+)\.)?([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]{1,7})[0-9]*)?)?\s*"
)
_DAYS = re.compile(r"\s*(-?)([0-9]+)\s*")
_DATETIME = re.compile(
    r"""\s*([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?
    (?:[T\s]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,7})[0-9]*)?)?)?
    \s*(?:(Z|UTC|GMT)|([+-])([0-9]{2}):?([0-9]{2}))?\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_GUID = re.compile(
    r"\s*([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})\s*", re.IGNORECASE
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{1,3}|[\s\S])")
_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\",
    '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_MAX_CHARACTER = 0x10FFFF


class BadConstantError(ValueError):
    """A constant cannot be read. `offset` is where in its text, `hint` what to write."""

    def __init__(self, message: str, hint: str = "", offset: int = 0, length: int = 0) -> None:
        super().__init__(message)
        self.hint, self.offset, self.length = hint, offset, length


def read_string(text: str) -> str:
    r"""The characters that a string constant stands for, with its quotes as written.

    >>> read_string(r'"a\tb"'), read_string('''@'it''s' '''.strip())
    ('a\tb', "it's")
    """
    start = 1 if text[0] in "hH" else 0
    if text[start : start + 3] in {"```", "~~~"}:
        return text[start + 3 : -3]
    if text[start] == "@":
        quote = text[start + 1]
        return text[start + 2 : -1].replace(quote * 2, quote)
    inner = text[start + 1 : -1]
    if "\\" not in inner:
        return inner
    return _join_surrogates(_ESCAPE.sub(lambda match: _unescape(match, start + 1), inner))


def _unescape(match: re.Match[str], offset: int) -> str:
    code = match[1]
    if code in _ESCAPES:
        return _ESCAPES[code]
    if code[0] in "uUx" and len(code) > 1:
        number = int(code[1:], 16)
        if number <= _MAX_CHARACTER:
            return chr(number)
    elif code[0] in "01234567":
        return chr(int(code, 8))
    raise BadConstantError(
        f'"\\{code}" is not an escape that a string may have',
        'Double the backslash ("\\\\"), or write the text as @"…", where a backslash is itself.',
        offset + match.start(),
        len(code) + 1,
    )


def _join_surrogates(text: str) -> str:
    """Two escapes of a surrogate pair are one character; a lone one stays."""
    if not any("\ud800" <= each <= "\udfff" for each in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def is_unit(word: str) -> bool:
    """Whether a word is a unit of time: `d`, `hours`, `ms`."""
    return word in _UNITS


def read_timespan(text: str) -> int | None:
    """Ticks of `1d`, `1.5h`, `-00:10`, `1.02:03:04.5`, or a whole number of days; else None.

    >>> read_timespan("1.02:03:04.5") == read_timespan("93784500ms")
    True
    """
    if match := _WITH_UNIT.fullmatch(text):
        unit = _UNITS.get(match[3].lower())
        if unit is None:
            return None
        ticks = int(Decimal(match[2]) * _TICKS_BY_UNIT[unit])
    elif match := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (int(match[at] or 0) for at in (2, 3, 4, 5))
        if hours > 23 or minutes > 59 or seconds > 59:  # noqa: PLR2004 - a clock's own numbers
            return None
        whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        ticks = whole * TICKS_PER_SECOND + int((match[6] or "").ljust(7, "0"))
    elif match := _DAYS.fullmatch(text):
        ticks = int(match[2]) * TICKS_PER_DAY
    else:
        return None
    ticks = -ticks if match[1] else ticks
    return ticks if abs(ticks) <= _MAX_TIMESPAN else None


def read_datetime(text: str) -> int | None:
    """Ticks of an ISO 8601 date, with or without a time and an offset; else None.

    >>> read_datetime("2024-05-01T10:00+02:00") == read_datetime("2024-05-01 08:00Z")
    True
    """
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    try:
        day = date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return None
    hours, minutes, seconds = (int(match[at] or 0) for at in (4, 5, 6))
    if hours > 23 or minutes > 59 or seconds > 59:  # noqa: PLR2004 - a clock's own numbers
        return None
    whole = ((day.toordinal() - 1) * 24 + hours) * 3600 + minutes * 60 + seconds
    if match[9]:
        offset = int(match[10]) * 3600 + int(match[11]) * 60
        whole += -offset if match[9] == "+" else offset
    ticks = whole * TICKS_PER_SECOND + int((match[7] or "").ljust(7, "0"))
    return ticks if 0 <= ticks <= MAX_DATETIME else None


def write_timespan(ticks: int) -> str:
    """As KQL prints a timespan: `[-][d.]hh:mm:ss[.fffffff]`.

    >>> write_timespan(93784_5000000), write_timespan(-1)
    ('1.02:03:04.5000000', '-00:00:00.0000001')
    """
    seconds, fraction = divmod(abs(ticks), TICKS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    text = f"{days}." if days else ""
    text += f"{hour:02}:{minute:02}:{second:02}" + (f".{fraction:07}" if fraction else "")
    return "-" + text if ticks < 0 else text


def write_datetime(ticks: int) -> str:
    """ISO 8601 with seven digits and Z, as KQL prints a datetime.

    >>> write_datetime(read_datetime("2024-05-01 10:00:00.5"))
    '2024-05-01T10:00:00.5000000Z'
    """
    days, rest = divmod(ticks, TICKS_PER_DAY)
    seconds, fraction = divmod(rest, TICKS_PER_SECOND)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:07}"
    return f"{date.fromordinal(days + 1).isoformat()}T{clock}Z"


def read_typed(kind: ScalarType, text: str) -> object:
    """The value of `kind(text)`, which is no expression: `datetime(2024-05-01)`, `int(null)`.

    Raises BadConstantError, with what would be right.
    """
    inner = text.strip()
    if len(inner) > 1 and inner[0] in "\"'" and inner[-1] == inner[0]:
        inner = inner[1:-1].strip()
    if inner.lower() in {"null", ""}:
        return None
    value = _READERS[kind](inner)
    if value is None:
        article = "an" if kind is ScalarType.INT else "a"
        hint = _EXAMPLES[kind]
        if re.fullmatch(r"[A-Za-z_][\w.]*", inner) and kind is not ScalarType.BOOL:
            convert = "todouble" if kind is ScalarType.REAL else f"to{kind.value}"
            hint = f"To convert an expression write {convert}({inner}). As a constant: {hint}"
        raise BadConstantError(f"{text.strip()} is not {article} {kind.value}", hint)
    return value


def _read_bool(text: str) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False}.get(text.lower())


def _read_whole(text: str, bits: int) -> int | None:
    sign, digits = (-1, text[1:].lstrip()) if text.startswith("-") else (1, text)
    try:
        value = sign * int(digits, 16 if digits[:2].lower() == "0x" else 10)
    except ValueError:
        return None
    limit: int = 2 ** (bits - 1)
    return value if -limit <= value < limit else None


def _read_real(text: str) -> float | None:
    words = {"nan": "nan", "+inf": "inf", "-inf": "-inf", "inf": "inf"}
    if "_" in text or (text.lower() not in words and text.lower().strip("+-") == "infinity"):
        return None
    try:
        return float(words.get(text.lower(), text))
    except ValueError:
        return None


def _read_decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and "_" not in text else None


def _read_guid(text: str) -> str | None:
    match = _GUID.fullmatch(text)
    if match is None:
        return None
    digits = match[1].lower().replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_READERS = {
    ScalarType.BOOL: _read_bool,
    ScalarType.INT: lambda text: _read_whole(text, 32),
    ScalarType.LONG: lambda text: _read_whole(text, 64),
    ScalarType.REAL: _read_real,
    ScalarType.DECIMAL: _read_decimal,
    ScalarType.GUID: _read_guid,
    ScalarType.DATETIME: read_datetime,
    ScalarType.TIMESPAN: read_timespan,
}
_EXAMPLES = {
    ScalarType.BOOL: "Write true or false.",
    ScalarType.INT: "Write a whole number of 32 bits: int(5).",
    ScalarType.LONG: "Write a whole number of 64 bits: long(5).",
    ScalarType.REAL: "Write a number: real(1.5), real(nan), real(+inf).",
    ScalarType.DECIMAL: "Write a number: decimal(1.5).",
    ScalarType.GUID: "Write 32 hexadecimal digits: guid(74be27de-1e4e-49d9-b579-fe0b331d3642).",
    ScalarType.DATETIME: (
        "Write year, month and day: datetime(2024-05-31), datetime(2024-05-31 10:30:00)."
    ),
    ScalarType.TIMESPAN: "Write a timespan: 1d, 90m, time(1.02:03:04).",
}
