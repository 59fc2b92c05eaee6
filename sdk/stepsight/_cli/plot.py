"""Line plots of braille dots that fit a terminal.

plotext was tried: importing it costs 95 ms, twice as much as all of `stepsight --help`; its version
6 (2026-08) has other calls than version 5 and needs a kernel compiled for the machine.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight._cli.axis import Y_STEPS, axis_lines
from stepsight._cli.output import styled
from stepsight._cli.table import fit, pad
from stepsight._cli.text import number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "COLORS",
    "MAX_SERIES",
    "SIGNS",
    "Look",
    "Series",
    "draw_plot",
    "legend_lines",
    "painted_row",
    "y_labels",
]

HEIGHT = 12
MAX_SERIES = 8
COLORS = ("cyan", "yellow", "magenta", "green", "blue", "red", "bright_white", "bright_black")
# Signs for series where there are no colours; a single series is drawn in braille.
SIGNS = "*o+x#%@&"
# Bit of each of the 2 x 4 dots of a cell. Source: Unicode, block Braille Patterns.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE = 0x2800
_CELL_X, _CELL_Y = 2, 4
CELLS_PER_TICK = 12

Cell = tuple[int, int]


@dataclass(frozen=True)
class Series:
    """Points of one line in order; a y that is not finite is a gap."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Look:
    """How a plot is drawn.

    `style` is line, points or area. With a `y_range` its quarters are labelled, without one its
    ends and its middle. `x_ticks` gives at most so many marks between two values. `figure` is what
    the legend says of a series: its last value, or the sum of them. With
    `whole` only whole numbers are labelled.
    """

    x_label: str = "index"
    height: int = HEIGHT
    colors: bool = False
    style: str = "line"
    y_range: tuple[float, float] | None = None
    y_text: Callable[[float], str] = number
    x_ticks: Callable[[float, float, int], list[tuple[float, str]]] | None = None
    legend: bool = True
    figure: str = "last"
    whole: bool = False


@dataclass(frozen=True)
class _Frame:
    """How values become dots; `width` and `height` are in cells."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    width: int
    height: int

    def dot(self, x: float, y: float) -> Cell:
        """The dot of a point, counted from the upper left."""
        right, down = self.width * _CELL_X - 1, self.height * _CELL_Y - 1
        return (
            round(_share(x, self.x_low, self.x_high) * right),
            round((1 - _share(y, self.y_low, self.y_high)) * down),
        )


def draw_plot(title: str, series: Sequence[Series], width: int, look: Look | None = None) -> str:
    """A plot in at most `width` columns, with a legend if there are several series.

    Several series are told apart by colours, or by signs where there are none.
    """
    look = look or Look()
    finite = [(x, y) for line in series for x, y in _points(line) if math.isfinite(y)]
    if not finite:
        return f"{title}: no finite value to plot"
    y_low, y_high = look.y_range or _bounds([y for _, y in finite])
    labels = y_labels(y_low, y_high, look)
    margin = max(len(label) for label in labels.values())
    xs = [x for line in series for x in line.x]
    room = max(width - margin - 3, 10)
    frame = _Frame(min(xs), max(xs), y_low, y_high, room, look.height)
    cells = _draw(series, frame, look)
    lines = [title] if title else []
    for row in range(look.height):
        label = labels.get(row, "")
        tick = "┤" if label else "│"
        lines.append(
            f"{label:>{margin}} {tick}{painted_row(cells, row, frame.width, colors=look.colors)}"
        )
    lines += _x_axis(frame, margin, look)
    if len(series) > 1 and look.legend:
        lines += legend_lines(series, width, look)
    return "\n".join(lines)


def y_labels(low: float, high: float, look: Look) -> dict[int, str]:
    """The texts beside the rows."""
    last = look.height - 1
    rows = range(0, last + 1, last // Y_STEPS) if look.y_range else (0, look.height // 2, last)
    values = {row: high * (1 - row / last) + low * (row / last) for row in rows}
    if look.whole:
        values = {row: y for row, y in values.items() if math.isclose(y, round(y), abs_tol=1e-9)}
    return {row: look.y_text(y) for row, y in values.items()}


def _points(line: Series) -> list[tuple[float, float]]:
    return list(zip(line.x, line.y, strict=True))


def _bounds(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:  # a flat line stands in the middle
        room = abs(low) / 2 or 1.0
        return low - room, high + room
    return low, high


def _share(value: float, low: float, high: float) -> float:
    # Halved: the difference of two large numbers may be more than a float holds. A value beyond the
    # axis, which a query may cut short, lies at its end.
    share = 0.0 if low == high else (value / 2 - low / 2) / (high / 2 - low / 2)
    return min(max(share, 0.0), 1.0)


def _draw(series: Sequence[Series], frame: _Frame, look: Look) -> dict[Cell, tuple[str, int]]:
    """Sign and series of the drawn cells, by column and row; a later series lies on top."""
    cells: dict[Cell, tuple[str, int]] = {}
    by_sign = len(series) > 1 and not look.colors
    for n, line in _in_drawing_order(series, look.style):
        bits: dict[Cell, int] = {}
        for x, y in _dots(line, frame, look.style):
            cell = (x // _CELL_X, y // _CELL_Y)
            bits[cell] = bits.get(cell, 0) | _DOTS[x % _CELL_X][y % _CELL_Y]
        for cell, value in bits.items():
            cells[cell] = (SIGNS[n % len(SIGNS)] if by_sign else chr(_BRAILLE + value), n)
    return cells


def _in_drawing_order(series: Sequence[Series], style: str) -> list[tuple[int, Series]]:
    """Areas that reach high first, so that low ones are seen in front of them."""
    if style != "area":
        return list(enumerate(series))

    def peak(line: Series) -> float:
        return max((y for y in line.y if math.isfinite(y)), default=-math.inf)

    return sorted(enumerate(series), key=lambda pair: -peak(pair[1]))


def painted_row(cells: dict[Cell, tuple[str, int]], row: int, width: int, *, colors: bool) -> str:
    """A row of cells as text, each series in its colour."""
    line = [cells.get((column, row), (" ", -1)) for column in range(width)]
    parts = []
    for n, group in itertools.groupby(line, key=lambda cell: cell[1]):
        text = "".join(sign for sign, _ in group)
        parts.append(styled(text, COLORS[n % len(COLORS)]) if colors and n >= 0 else text)
    return "".join(parts).rstrip()


def _dots(line: Series, frame: _Frame, style: str) -> set[Cell]:
    """The dots of a series: its points, what joins neighbours that are both finite, what is below.

    An area reaches down to its `base`, which is zero where the axis shows it.
    """
    dots: set[Cell] = set()
    before: Cell | None = None
    for x, y in _points(line):
        if not math.isfinite(y):
            before = None
            continue
        dot = frame.dot(x, y)
        dots |= {dot} if style == "points" else _line(before or dot, dot)
        before = dot
    return _filled(dots, frame) if style == "area" else dots


def _filled(dots: set[Cell], frame: _Frame) -> set[Cell]:
    base = frame.dot(frame.x_low, min(max(0.0, frame.y_low), frame.y_high))[1]
    return {(x, y) for x, edge in dots for y in range(min(edge, base), max(edge, base) + 1)}


def _line(start: Cell, end: Cell) -> set[Cell]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return {
        (
            round(start[0] + (end[0] - start[0]) * n / steps),
            round(start[1] + (end[1] - start[1]) * n / steps),
        )
        for n in range(steps + 1)
    }


def _x_axis(frame: _Frame, margin: int, look: Look) -> list[str]:
    if look.x_ticks is None:
        ends = [(0, number(frame.x_low)), (frame.width - 1, number(frame.x_high))]
        room = frame.width - sum(len(text) for _, text in ends)
        middle = f"{fit(look.x_label, max(room - 2, 1)):^{max(room, 1)}}"
        return [
            f"{'':>{margin}} └{'─' * frame.width}",
            f"{'':>{margin}}  {ends[0][1]}{middle}{ends[1][1]}",
        ]
    most = max(frame.width // CELLS_PER_TICK, 2)
    ticks = [
        (frame.dot(x, frame.y_low)[0] // _CELL_X, text)
        for x, text in look.x_ticks(frame.x_low, frame.x_high, most)
    ]
    return axis_lines(ticks, margin, frame.width, look.x_label)


def legend_lines(series: Sequence[Series], width: int, look: Look) -> list[str]:
    """A line for each series: its sign, its name, its last value."""
    return [_legend(n, line, width, look) for n, line in enumerate(series)]


def _legend(n: int, line: Series, width: int, look: Look) -> str:
    sign = styled("━━", COLORS[n % len(COLORS)]) if look.colors else pad(SIGNS[n % len(SIGNS)], 2)
    finite = [y for y in line.y if math.isfinite(y)]
    value = (sum(finite) if look.figure == "sum" else finite[-1]) if finite else 0.0
    figure = f"  {look.figure} {look.y_text(value)}" if finite else "  no finite value"
    return f"  {sign} {fit(line.name, max(width - 5 - len(figure), 8))}{figure}"
