"""Charts of lines, areas and dots: from series to a plot with round axes."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from stepsight._cli.axis import nice_range, number_ticks, time_caption, time_ticks, whole_ticks
from stepsight._cli.chart_data import ChartData, Sheet, positive
from stepsight._cli.plot import Look, Series, draw_plot, legend_lines

if TYPE_CHECKING:
    from stepsight._cli.units import Unit

__all__ = ["HEIGHT", "STYLES", "draw_lines", "y_range"]

HEIGHT = 13
STYLES = {
    "timechart": "line",
    "linechart": "line",
    "anomalychart": "line",
    "scatterchart": "points",
    "areachart": "area",
    "stackedareachart": "area",
}


def draw_lines(sheet: Sheet) -> list[str]:
    """A plot over a scale of times or numbers."""
    data = sheet.data
    style = STYLES[data.chart.lower()]
    whole = [Series(line.name, [float(x) for x in line.x], line.y) for line in sheet.lines]
    if data.stacking == "stacked100":
        whole = _shares(whole)
    series = _piled(whole) if style == "area" and data.stacking else whole
    xs = [x for line in series for x in line.x]
    ys = [y for line in series for y in line.y if math.isfinite(y)]
    is_time, is_whole = data.x_kind == "time", all(x.is_integer() for x in xs)
    look = Look(
        x_label=time_caption(data.x_name, min(xs), max(xs)) if is_time else data.x_name,
        height=HEIGHT,
        colors=sheet.colors,
        style=style,
        y_range=y_range(data, ys, sheet.unit, from_zero=style == "area"),
        y_text=sheet.unit.text,
        x_ticks=time_ticks if is_time else whole_ticks if is_whole else number_ticks,
        legend=False,
        whole=sheet.is_whole,
    )
    drawn = draw_plot("", series, sheet.width, look).splitlines()
    if data.has_legend and (sheet.is_several or series[0].name != data.y_name):
        look = dataclasses.replace(look, y_text=sheet.value_text)
        drawn += legend_lines(whole, sheet.width, look)
    return drawn


def _shares(series: list[Series]) -> list[Series]:
    """Each value as its part of the sum of all series at its x."""
    sums: dict[float, float] = {}
    for line in series:
        for x, y in zip(line.x, line.y, strict=True):
            sums[x] = sums.get(x, 0.0) + positive(y)
    return [
        Series(
            line.name,
            line.x,
            [positive(y) / (sums[x] or 1.0) for x, y in zip(line.x, line.y, strict=True)],
        )
        for line in series
    ]


def _piled(series: list[Series]) -> list[Series]:
    """Each series on top of those before it."""
    places = sorted({x for line in series for x in line.x})
    below = dict.fromkeys(places, 0.0)
    piled = []
    for line in series:
        values = dict(zip(line.x, line.y, strict=True))
        below = {x: below[x] + positive(values.get(x)) for x in places}
        piled.append(Series(line.name, places, list(below.values())))
    return piled


def y_range(
    data: ChartData, values: list[float], unit: Unit, *, from_zero: bool
) -> tuple[float, float]:
    """The ends of the y axis: what the query says, else round values."""
    if data.stacking == "stacked100":
        return 0.0, 1.0
    low, high = nice_range(values, unit, from_zero=from_zero)
    low = low if data.y_low is None else data.y_low
    high = high if data.y_high is None else data.y_high
    return (low, high) if low < high else (low, low + 1.0)
