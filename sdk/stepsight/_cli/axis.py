"""Where the marks of an axis stand and what they say: round numbers, round times in UTC."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from stepsight._cli.table import fit
from stepsight._cli.units import Unit, nice_step

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "TOO_LARGE",
    "Y_STEPS",
    "Tick",
    "axis_lines",
    "nice_range",
    "number_ticks",
    "time_caption",
    "time_text",
    "time_ticks",
    "whole_ticks",
]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# Steps of a time axis, in seconds; longer ones are whole numbers of 30 days.
_TIME_STEPS = (
    *(0.001, 0.01, 0.1, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 7, 14, 30)),
)
_TICK_STEPS = (1.0, 2.0, 5.0, 10.0)
# Round steps beside larger values would overflow.
TOO_LARGE = 1e300
# Steps between the labels of the y axis.
Y_STEPS = 4

Tick = tuple[float, str]


def nice_range(values: Sequence[float], unit: Unit, *, from_zero: bool) -> tuple[float, float]:
    """The lowest and the highest value of a y axis, with round values at each of its quarters.

    >>> nice_range([3, 87], Unit(), from_zero=True)
    (0.0, 100.0)
    """
    low, high = min(values), max(values)
    if from_zero or (low > 0 and low < high / 2):
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        room = abs(low) / 2 or 1.0
        low, high = low - room, high + room
    if max(abs(low), abs(high)) > TOO_LARGE or high - low < abs(high) * 1e-12:
        return low, high
    step = nice_step((high - low) / Y_STEPS, unit.factor)
    while True:
        bottom = math.floor(low / step + 1e-9) * step
        if bottom + Y_STEPS * step >= high * (1 - 1e-12):
            return bottom, bottom + Y_STEPS * step
        step = nice_step(step * 1.01, unit.factor)


def number_ticks(low: float, high: float, most: int) -> list[Tick]:
    """At most so many round numbers between two, with their texts."""
    return _ticks(low, high, nice_step((high - low) / max(most, 1), steps=_TICK_STEPS))


def whole_ticks(low: float, high: float, most: int) -> list[Tick]:
    """As `number_ticks`, of whole numbers only."""
    return _ticks(low, high, max(nice_step((high - low) / max(most, 1), steps=_TICK_STEPS), 1.0))


def _ticks(low: float, high: float, step: float) -> list[Tick]:
    if not (high > low and math.isfinite(high - low)):
        return [(low, Unit().text(low))]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, Unit().text(round(n * step, 12))) for n in range(first, last + 1)]


def time_ticks(low: float, high: float, most: int) -> list[Tick]:
    """At most so many round times between two, in seconds since 1970: `08:15`, or `01-05`."""
    wanted = (high - low) / max(most, 1)
    step = next((step for step in _TIME_STEPS if step >= wanted), 0.0)
    step = step or math.ceil(wanted / (30 * DAY)) * 30 * DAY
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, time_text(n * step, step)) for n in range(first, last + 1)]


def time_text(seconds: float, step: float) -> str:
    time = _utc(seconds)
    if step >= DAY:
        return f"{time:%Y-%m-%d}" if step >= 300 * DAY else f"{time:%m-%d}"
    if step >= MINUTE:
        return f"{time:%H:%M}"
    return f"{time:%H:%M:%S}" if step >= 1 else f"{time:%S}.{time.microsecond // 1000:03d}"


def time_caption(name: str, low: float, high: float) -> str:
    """What the texts of time marks leave out: `timestamp, 2026-01-05 to 2026-01-07 UTC`."""
    days = [f"{_utc(seconds):%Y-%m-%d}" for seconds in (low, high)]
    return f"{name}, {days[0]}{f' to {days[1]}' if days[1] != days[0] else ''} UTC"


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=timezone.utc)


def axis_lines(ticks: list[tuple[int, str]], margin: int, width: int, caption: str) -> list[str]:
    """The lines below a plot: the axis with marks at cells, their texts, the caption.

    A text that would touch the one before it is left out.
    """
    rule, texts = ["─"] * width, [" "] * (width + margin + 2)
    free = 0
    for cell, text in ticks:
        start = margin + 2 + cell - len(text) // 2
        start = max(min(start, len(texts) - len(text)), 0)
        if start < free:
            continue
        texts[start : start + len(text)] = text
        free = start + len(text) + 2
        rule[cell] = "┬"
    lines = [f"{'':>{margin}} └{''.join(rule)}", "".join(texts).rstrip()]
    if caption:
        lines.append(" " * (margin + 2) + f"{fit(caption, width):^{width}}".rstrip())
    return lines
