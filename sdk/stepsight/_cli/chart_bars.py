"""Charts of columns, bars and shares: from series to places with a bar for each value."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from itertools import pairwise

from stepsight._cli.axis import time_caption, time_text, time_ticks
from stepsight._cli.bars import draw_bars, draw_shares, draw_stacks
from stepsight._cli.chart_data import Sheet, X, positive
from stepsight._cli.chart_plots import HEIGHT, y_range
from stepsight._cli.columns import column_width, draw_columns
from stepsight._cli.output import styled
from stepsight._cli.plot import Look, Series, legend_lines
from stepsight._cli.text import count

__all__ = ["draw_lying", "draw_pie", "draw_standing"]

MAX_BARS = 40
MAX_PLACES = 160
DAY_S = 86_400.0
# Beside the labels of the y axis: a space, the axis, and a cell that stays free.
MARGIN = 3
CELLS_PER_TICK = 10

# The columns of one place on the x axis; each is a stack of (series, value) from below.
Group = list[list[tuple[int, float]]]


def draw_standing(sheet: Sheet) -> list[str]:
    """Columns that stand; bars that lie where their names or their number do not fit."""
    places, texts = _places(sheet)
    groups = _groups(sheet, places)
    tops = [sum(positive(y) for _, y in stack) for group in groups for stack in group]
    ends = y_range(sheet.data, [*tops, 0.0], sheet.unit, from_zero=True)
    labels = [ends[0] + (ends[1] - ends[0]) * n / 4 for n in range(5)]
    room = sheet.width - MARGIN - max(len(sheet.unit.text(y)) for y in labels)
    is_text = sheet.data.x_kind == "text"
    is_wide = is_text and max(len(text) for text in texts) + 1 > room / len(places)
    has_negative = any(y < 0 for line in sheet.lines for y in line.y)
    if has_negative or is_wide or not column_width(len(places), len(groups[0]), room):
        return draw_lying(sheet)
    caption = sheet.data.x_name
    marks = list(enumerate(texts))
    if not is_text:
        caption = time_caption(caption, float(places[0]), float(places[-1]))
        marks = _time_marks([float(x) for x in places], texts, room)
    look = Look(
        caption,
        HEIGHT,
        sheet.colors,
        y_range=ends,
        y_text=sheet.unit.text,
        whole=sheet.is_whole,
    )
    by_sign = sheet.is_several and not sheet.colors
    return draw_columns(groups, marks, ends, room, look, by_sign=by_sign) + _legend(sheet)


def _places(sheet: Sheet) -> tuple[list[X], list[str]]:
    """The places on the x axis with their texts; of times those without a value too."""
    found: list[X] = list(dict.fromkeys(x for line in sheet.lines for x in line.x))
    if sheet.data.x_kind == "text":
        return found, [str(x) for x in found]
    times = sorted(float(x) for x in found)
    step = min((b - a for a, b in pairwise(times)), default=DAY_S)
    number = round((times[-1] - times[0]) / step) + 1
    if number <= MAX_PLACES:
        even = [round(times[0] + n * step, 6) for n in range(number)]
        times = even if {round(x, 6) for x in times} <= set(even) else times
    return [*times], [time_text(x, step) for x in times]


def _time_marks(places: list[float], texts: list[str], room: int) -> list[tuple[int, str]]:
    """The places at round times, with their texts."""
    most = max(room // CELLS_PER_TICK, 2)
    if len(places) <= most:
        return list(enumerate(texts))
    at = {round(x, 6): n for n, x in enumerate(places)}
    marks = time_ticks(places[0], places[-1], most)
    found = [(at[round(x, 6)], text) for x, text in marks if round(x, 6) in at]
    return found or list(enumerate(texts))[:: math.ceil(len(places) / most)]


def _groups(sheet: Sheet, places: list[X]) -> list[Group]:
    """For each place its columns: one for each series, or one stack of all."""
    values = [dict(zip(line.x, line.y, strict=True)) for line in sheet.lines]
    groups: list[Group] = []
    for x in places:
        found = [(n, each.get(x, math.nan)) for n, each in enumerate(values)]
        if sheet.data.stacking == "stacked100":
            total = sum(positive(y) for _, y in found) or 1.0
            found = [(n, positive(y) / total) for n, y in found]
        groups.append([found] if sheet.data.stacking else [[pair] for pair in found])
    return groups


def draw_lying(sheet: Sheet) -> list[str]:
    """Bars that lie, one for each place, or for each series at each place."""
    places, texts = _places(sheet)
    groups = _groups(sheet, places)[:MAX_BARS]
    texts = texts[:MAX_BARS]
    if sheet.data.stacking:
        rows = [(text, [y for _, y in group[0]]) for text, group in zip(texts, groups, strict=True)]
        drawn = draw_stacks(rows, sheet.width, sheet.unit.text, colors=sheet.colors)
        drawn += _legend(sheet)
    elif sheet.is_several:
        drawn = _grouped(sheet, texts, groups)
    else:
        single = [(text, 0, group[0][0][1]) for text, group in zip(texts, groups, strict=True)]
        drawn = draw_bars(single, sheet.width, sheet.value_text, colors=sheet.colors)
    if len(places) > MAX_BARS:
        more = count(len(places) - MAX_BARS, "more bar")
        drawn.append(f"  and {more}; top in the query picks some")
    return drawn


def _grouped(sheet: Sheet, texts: list[str], groups: list[Group]) -> list[str]:
    """The bars of the series one below the other, under the name of their place."""
    found = [
        [
            (f"  {sheet.lines[n].name}", n, y)
            for stack in group
            for n, y in stack
            if math.isfinite(y)
        ]
        for group in groups
    ]
    rows = [row for group in found for row in group]
    bars = iter(draw_bars(rows, sheet.width, sheet.value_text, colors=sheet.colors))
    drawn = []
    for text, group in zip(texts, found, strict=True):
        drawn += [styled(text, "bold"), *(next(bars) for _ in group)]
    return drawn


def draw_pie(sheet: Sheet) -> list[str]:
    """The shares of the names in the first column; of many, the last ones as one."""
    parts: dict[str, float] = {}
    for line in sheet.lines:
        for x, y in zip(line.x, line.y, strict=True):
            name = x if isinstance(x, str) else f"{datetime.fromtimestamp(x, tz=timezone.utc)}"
            parts[name] = parts.get(name, 0.0) + positive(y)
    rows = list(parts.items())
    if len(rows) > MAX_BARS:
        rest = rows[MAX_BARS - 1 :]
        rows = [*rows[: MAX_BARS - 1], (f"{len(rest)} others", sum(y for _, y in rest))]
    return draw_shares(rows, sheet.width, sheet.value_text, colors=sheet.colors)


def _legend(sheet: Sheet) -> list[str]:
    if not (sheet.data.has_legend and sheet.is_several):
        return []
    look = Look(colors=sheet.colors, y_text=sheet.value_text, figure="sum")
    series = [Series(line.name, [], line.y) for line in sheet.lines]
    return legend_lines(series, sheet.width, look)
