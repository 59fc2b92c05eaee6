"""From the points of one metric to what is drawn of it: lines, their x axis, text values."""

from __future__ import annotations

import math
from typing import Any

from stepsight._cli.axis import nice_range, number_ticks, whole_ticks
from stepsight._cli.chart_plots import HEIGHT
from stepsight._cli.output import is_terminal
from stepsight._cli.plot import MAX_SERIES, Look, Series, draw_plot
from stepsight._cli.table import terminal_width
from stepsight._cli.text import number, one_line
from stepsight._cli.units import Unit
from stepsight._settings import wants_color

__all__ = ["plot_lines"]

# Columns of a row or table that count; the other columns are drawn over them.
X_COLUMNS = ("epoch", "step", "iteration", "global_step")

Point = dict[str, Any]


def plot_lines(name: str, points: list[Point]) -> list[str]:
    """What to print for one metric: a plot, or its value if there is only one; then its texts."""
    title = one_line(name)
    numeric = [point for point in points if point["text"] is None]
    lines = []
    if len(numeric) == 1:
        lines.append(f"{title}: {number(numeric[0]['value'])} (one value)")
    elif numeric:
        series, x_label = _series(numeric)
        colors = is_terminal() and wants_color()
        shown = series[:MAX_SERIES]
        lines.append(draw_plot(title, shown, terminal_width(), _look(shown, x_label, colors)))
        if len(series) > len(shown):
            lines.append(f"  and {len(series) - len(shown)} more lines; --step S draws one step's")
    texts = [point for point in points if point["text"] is not None]
    if texts:
        last = one_line(texts[-1]["text"])
        lines.append(f"{title}: {len(texts)} of {len(points)} values are text, the last: {last}")
    return lines


def _look(series: list[Series], x_label: str, colors: bool) -> Look:
    """Round values on both axes."""
    finite = [y for line in series for y in line.y if math.isfinite(y)]
    ends = nice_range(finite, Unit(), from_zero=False) if finite else None
    is_whole = all(x.is_integer() for line in series for x in map(float, line.x))
    ticks = whole_ticks if is_whole else number_ticks
    return Look(x_label, HEIGHT, colors, "line", ends, Unit().text, ticks)


def _series(points: list[Point]) -> tuple[list[Series], str]:
    """A line for each step run and column, and the name of the x axis."""
    lines: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        lines.setdefault((point["step_id"], point["column"]), []).append(point)
    columns = {column for _, column in lines}
    x_column = next((name for name in X_COLUMNS if name in columns and len(columns) > 1), None)
    counters = {
        step: {point["index"]: _value(point["value"]) for point in line}
        for (step, column), line in lines.items()
        if column == x_column
    }
    series = [
        _line(line, counters.get(step, {}), several_steps=len({s for s, _ in lines}) > 1)
        for (step, column), line in lines.items()
        if column != x_column
    ]
    return series, x_column or "index"


def _line(points: list[Point], counter: dict[int, float], *, several_steps: bool) -> Series:
    """A line over the counter or the index.

    Over the order of arrival where an index comes twice, which is how a restarted step looks.
    """
    x = [counter.get(point["index"], float(point["index"])) for point in points]
    if len({point["index"] for point in points}) < len(points):
        x = [float(n) for n in range(len(points))]
    first = points[0]
    step = first["step_name"] or first["step_id"]
    name = f"{step} {first['column']}" if several_steps and first["column"] else first["column"]
    return Series(one_line(name or step), x, [_value(point["value"]) for point in points])


def _value(value: float | str | None) -> float:
    """A number; the API's words for what JSON cannot hold are Python's too."""
    return float("nan") if value is None else float(value)
