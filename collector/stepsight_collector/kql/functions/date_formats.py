"""`format_datetime` and `format_timespan`: .NET's letters, taken apart when compiling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import datetime_ticks
from stepsight_collector.kql.functions.table import Function
from stepsight_collector.kql.ticks import DAY, HOUR, MINUTE, SECOND
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation
    from stepsight_collector.kql.scope import Bound

__all__ = ["FUNCTIONS"]

T = ScalarType
_LETTERS: Final = re.compile(r"([yMdhHmsfFt])\1*|[^A-Za-z]+|[A-Za-z]")
_DELIMITERS: Final = frozenset(" /-:,._[]")


def _padded(sql: str, width: int) -> str:
    return f"toString({sql})" if width == 1 else f"leftPad(toString({sql}), {width}, '0')"


def _fraction(letters: str, ticks: str) -> str:
    digits = f"substring(leftPad(toString({ticks}), 7, '0'), 1, {len(letters)})"
    return digits if letters[0] == "f" else f"trim(TRAILING '0' FROM {digits})"


def _moment_part(letters: str, moment: str) -> str | None:
    """SQL of one run of letters of a datetime's format; None if there is no such run."""
    letter, width = letters[0], len(letters)
    if letter in "fF":
        ticks = f"positiveModulo({datetime_ticks(moment)}, {SECOND})"
        return _fraction(letters, ticks) if width <= 7 else None  # noqa: PLR2004 - digits of a tick
    if letter == "t":
        return f"if(toHour({moment}) < 12, 'AM', 'PM')" if width == 2 else None  # noqa: PLR2004
    if letter == "y":
        year = f"toYear({moment})"
        if width not in {1, 2, 4}:
            return None
        return _padded(year if width > 2 else f"{year} % 100", width)  # noqa: PLR2004 - with century
    if width > 2:  # noqa: PLR2004 - one digit or two
        return None
    numbers = {
        "M": "toMonth({0})",
        "d": "toDayOfMonth({0})",
        "H": "toHour({0})",
        "h": "(toHour({0}) + 11) % 12 + 1",
        "m": "toMinute({0})",
        "s": "toSecond({0})",
    }
    return _padded(numbers[letter].format(moment), width)


def _span_part(letters: str, span: str) -> str | None:
    """SQL of one run of letters of a timespan's format."""
    letter, width, size = letters[0], len(letters), f"abs({span})"
    if letter in "fF":
        return _fraction(letters, f"{size} % {SECOND}") if width <= 7 else None  # noqa: PLR2004
    if letter == "d":
        return _padded(f"intDiv({size}, {DAY})", width)
    numbers = {
        "H": f"intDiv({size} % {DAY}, {HOUR})",
        "h": f"intDiv({size} % {DAY}, {HOUR})",
        "m": f"intDiv({size} % {HOUR}, {MINUTE})",
        "s": f"intDiv({size} % {MINUTE}, {SECOND})",
    }
    if letter not in numbers or width > 2:  # noqa: PLR2004 - one digit or two
        return None
    return _padded(numbers[letter], width)


def _formatted(call: Invocation, part: Callable[[str, str], str | None], letters: str) -> Bound:
    sql, parts = call.sql(0), []
    for match in _LETTERS.finditer(str(call.constant(1))):
        run = match[0]
        if not run[0].isalpha():
            strange = set(run) - _DELIMITERS
            piece = None if strange else call.text(run)
        else:
            piece = part(run, sql) if run[0] in letters else None
        if piece is None:
            message = f'{call.node.name} does not know "{run}" in a format'
            hint = f"Letters are {letters}, between them any of space / - : , . _ [ ]."
            return call.fail("bad_value", message, hint, 1)
        parts.append(piece)
    joined = f"concat({', '.join(parts)}, '')" if parts else "''"
    return call.made(T.STRING, joined)


def _format_datetime(call: Invocation) -> Bound:
    return _formatted(call, _moment_part, "yMdhHmsfFt")


def _format_timespan(call: Invocation) -> Bound:
    return _formatted(call, _span_part, "dhHmsfF")


FUNCTIONS: Final = (
    Function(
        "format_datetime", "moment:datetime, format:=string", None, _format_datetime,
        "The datetime as text, in a format of yyyy MM dd HH hh mm ss fff tt.",
        'print format_datetime(datetime(2026-11-25 10:00), "dd.MM.yyyy HH:mm")', 2, "first",
    ),
    Function(
        "format_timespan", "span:timespan, format:=string", None, _format_timespan,
        "The timespan as text, in a format of d hh mm ss fff.",
        'print format_timespan(90m, "h:mm")', 3, "first",
    ),
)  # fmt: skip
