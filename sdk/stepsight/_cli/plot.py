"""Line plots of braille dots that fit a terminal.

plotext was tried: importing it costs 95 ms, twice as much as all of `stepsight --help`; its version
6 (2026-08) has other calls than version 5 and needs a kernel compiled for the machine.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight._cli.output import styled
from stepsight._cli.table import fit, pad
from stepsight._cli.text import number

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_SERIES", "Series", "draw_plot"]

HEIGHT = 12
MAX_SERIES = 8
COLORS = ("cyan", "yellow", "magenta", "green", "blue", "red")
# Signs for series where there are no colours; a single series is drawn in braille.
SIGNS = "*o+x#%@&"
# Bit of each of the 2 x 4 dots of a cell. Source: Unicode, block Braille Patterns.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE = 0x2800
_CELL_X, _CELL_Y = 2, 4

Cell = tuple[int, int]


@dataclass(frozen=True)
class Series:
    """Points of one line in order; a y that is not finite is a gap."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


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


def draw_plot(
    title: str,
    series: Sequence[Series],
    width: int,
    *,
    x_label: str = "index",
    height: int = HEIGHT,
    colors: bool = False,
) -> str:
    """A plot in at most `width` columns, with a legend if there are several series.

    Several series are told apart by colours, or by signs where there are none.
    """
    finite = [(x, y) for line in series for x, y in _points(line) if math.isfinite(y)]
    if not finite:
        return f"{title}: no finite value to plot"
    y_low, y_high = _bounds([y for _, y in finite])
    labels = [
        number(y_high - (y_high / 2 - y_low / 2) * 2 * n / (height - 1)) for n in range(height)
    ]
    margin = max(len(label) for label in labels)
    xs = [x for line in series for x in line.x]
    frame = _Frame(min(xs), max(xs), y_low, y_high, max(width - margin - 3, 10), height)
    cells = _draw(series, frame, signs=len(series) > 1 and not colors)
    lines = [title]
    for row, label in enumerate(labels):
        shown = label if row in {0, height // 2, height - 1} else ""
        tick = "┤" if shown else "│"
        lines.append(f"{shown:>{margin}} {tick}{_row(cells, row, frame.width, colors=colors)}")
    lines += _x_axis(frame, margin, x_label)
    if len(series) > 1:
        lines += [_legend(n, line, width, colors=colors) for n, line in enumerate(series)]
    return "\n".join(lines)


def _points(line: Series) -> list[tuple[float, float]]:
    return list(zip(line.x, line.y, strict=True))


def _bounds(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:  # a flat line stands in the middle
        room = abs(low) / 2 or 1.0
        return low - room, high + room
    return low, high


def _share(value: float, low: float, high: float) -> float:
    # Halved: the difference of two large numbers may be more than a float holds.
    return 0.0 if low == high else (value / 2 - low / 2) / (high / 2 - low / 2)


def _draw(series: Sequence[Series], frame: _Frame, *, signs: bool) -> dict[Cell, tuple[str, int]]:
    """Sign and series of the drawn cells, by column and row; a later series lies on top."""
    cells: dict[Cell, tuple[str, int]] = {}
    for n, line in enumerate(series):
        bits: dict[Cell, int] = {}
        for x, y in _dots(line, frame):
            cell = (x // _CELL_X, y // _CELL_Y)
            bits[cell] = bits.get(cell, 0) | _DOTS[x % _CELL_X][y % _CELL_Y]
        for cell, value in bits.items():
            cells[cell] = (SIGNS[n % len(SIGNS)] if signs else chr(_BRAILLE + value), n)
    return cells


def _row(cells: dict[Cell, tuple[str, int]], row: int, width: int, *, colors: bool) -> str:
    line = [cells.get((column, row), (" ", -1)) for column in range(width)]
    parts = []
    for n, group in itertools.groupby(line, key=lambda cell: cell[1]):
        text = "".join(sign for sign, _ in group)
        parts.append(styled(text, COLORS[n % len(COLORS)]) if colors and n >= 0 else text)
    return "".join(parts).rstrip()


def _dots(line: Series, frame: _Frame) -> set[Cell]:
    """The dots of the points and of the lines between neighbours that are both finite."""
    dots: set[Cell] = set()
    before: Cell | None = None
    for x, y in _points(line):
        if not math.isfinite(y):
            before = None
            continue
        dot = frame.dot(x, y)
        dots |= _line(before or dot, dot)
        before = dot
    return dots


def _line(start: Cell, end: Cell) -> set[Cell]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return {
        (
            round(start[0] + (end[0] - start[0]) * n / steps),
            round(start[1] + (end[1] - start[1]) * n / steps),
        )
        for n in range(steps + 1)
    }


def _x_axis(frame: _Frame, margin: int, label: str) -> list[str]:
    low, high = number(frame.x_low), number(frame.x_high)
    room = frame.width - len(low) - len(high)
    return [
        f"{'':>{margin}} └{'─' * frame.width}",
        f"{'':>{margin}}  {low}{fit(label, max(room - 2, 1)):^{max(room, 1)}}{high}",
    ]


def _legend(n: int, line: Series, width: int, *, colors: bool) -> str:
    sign = styled("━━", COLORS[n % len(COLORS)]) if colors else pad(SIGNS[n % len(SIGNS)], 2)
    finite = [y for y in line.y if math.isfinite(y)]
    last = f"  last {number(finite[-1])}" if finite else "  no finite value"
    return f"  {sign} {fit(line.name, max(width - 5 - len(last), 8))}{last}"
