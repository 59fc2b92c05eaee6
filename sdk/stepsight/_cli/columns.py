"""Bars that stand: for each place on the x axis one column, or one for each series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stepsight._cli.axis import axis_lines
from stepsight._cli.plot import SIGNS, painted_row, y_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepsight._cli.plot import Look

    # From below: the number of a series and its value.
    Stack = Sequence[tuple[int, float]]

__all__ = ["column_width", "draw_columns"]

_EIGHTHS = " ▁▂▃▄▅▆▇█"
MAX_WIDTH = 8


def column_width(places: int, series: int, room: int) -> int:
    """Cells of a column when so many stand side by side with a gap; 0 if they do not fit."""
    return max(min((room // max(places, 1) - 1) // max(series, 1), MAX_WIDTH), 0)


def draw_columns(
    groups: Sequence[Sequence[Stack]],
    ticks: Sequence[tuple[int, str]],
    y_range: tuple[float, float],
    room: int,
    look: Look,
    *,
    by_sign: bool,
) -> list[str]:
    """Columns above an axis in `room` cells beside the labels.

    Each group is a place on the axis and holds columns; each column is a stack of `(series, value)`
    from below. `ticks` are texts for places. Values below zero are not drawn.
    """
    labels = y_labels(*y_range, look)
    margin = max(len(label) for label in labels.values())
    cells, centers = _place(groups, y_range, room, look.height, by_sign=by_sign)
    lines = []
    for row in range(look.height):
        label = labels.get(row, "")
        drawn = painted_row(cells, row, room, colors=look.colors)
        lines.append(f"{label:>{margin}} {'┤' if label else '│'}{drawn}")
    marks = [(centers[place], text) for place, text in ticks]
    return lines + axis_lines(marks, margin, room, look.x_label)


def _place(
    groups: Sequence[Sequence[Stack]],
    y_range: tuple[float, float],
    room: int,
    height: int,
    *,
    by_sign: bool,
) -> tuple[dict[tuple[int, int], tuple[str, int]], list[int]]:
    """The drawn cells, and the middle of each group."""
    width = column_width(len(groups), max(len(group) for group in groups), room)
    pitch = room / len(groups)
    cells: dict[tuple[int, int], tuple[str, int]] = {}
    centers = []
    for place, group in enumerate(groups):
        left = round(place * pitch + (pitch - width * len(group)) / 2)
        centers.append(min(left + width * len(group) // 2, room - 1))
        for n, stack in enumerate(group):
            for row, cell in _stacked(stack, y_range, height, by_sign=by_sign).items():
                for at in range(left + n * width, left + (n + 1) * width):
                    cells[at, row] = cell
    return cells, centers


def _stacked(
    stack: Stack, y_range: tuple[float, float], height: int, *, by_sign: bool
) -> dict[int, tuple[str, int]]:
    """Sign and series of the cells of a column, by row from above."""
    low, high = y_range
    scale = height * 8 / ((high - low) or 1.0)
    cells: dict[int, tuple[str, int]] = {}
    level, total = 0, 0.0
    for n, value in stack:
        if not math.isfinite(value) or value <= 0:
            continue
        total += value
        # What is there is seen, if only as an eighth of a cell.
        top = min(max(round((total - low) * scale), level + 1), height * 8)
        for cell in range(level // 8, math.ceil(top / 8)):
            part = _EIGHTHS[min(top - cell * 8, 8)]
            cells[height - 1 - cell] = (SIGNS[n % len(SIGNS)] if by_sign else part, n)
        level = top
    return cells
