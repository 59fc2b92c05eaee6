"""What a chart shows: from an answer's rows and what `render` asks for, to series of points.

Source of the rules: Kusto's documentation of the render operator. Where a query does not name them,
the x axis is the first column that can be one, every column of numbers is drawn, and each
combination of the texts in the other columns is a series.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from stepsight._cli.text import one_line, parse_time
from stepsight._cli.units import Unit, unit_of

__all__ = ["ChartData", "Line", "NotDrawableError", "Sheet", "positive", "read_chart"]

NUMERIC = frozenset({"int", "long", "real", "decimal", "timespan"})
# The x axis of these is a place on a scale, that of the others a name.
SCALED = frozenset({"timechart", "linechart", "areachart", "stackedareachart", "scatterchart"})
_TIMESPAN = re.compile(r"(-?)(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)\Z")
EMPTY = "(empty)"

X = float | str


class NotDrawableError(ValueError):
    """The rows do not have what the chart needs; the message says what."""


@dataclass
class Line:
    """A series: its points in order. A y that is not finite is a gap."""

    name: str
    x: list[X] = field(default_factory=list)
    y: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class ChartData:
    """Everything that is drawn. `x_kind` is time, number or text; `stacking` may be empty."""

    chart: str
    title: str
    x_name: str
    x_kind: str
    y_name: str
    y_type: str
    lines: tuple[Line, ...]
    stacking: str = ""
    has_legend: bool = True
    y_low: float | None = None
    y_high: float | None = None


@dataclass(frozen=True)
class Sheet:
    """What is drawn on so many columns of a terminal: the series that fit, and in which unit."""

    data: ChartData
    lines: tuple[Line, ...]
    width: int
    unit: Unit
    colors: bool

    @property
    def is_several(self) -> bool:
        """Whether series have to be told apart."""
        return len(self.lines) > 1

    @property
    def is_whole(self) -> bool:
        """Whether every value is a whole number, so that fractions mean nothing on the axis."""
        finite = (y for line in self.lines for y in line.y if math.isfinite(y))
        return self.unit == Unit() and all(y.is_integer() for y in finite)

    def value_text(self, value: float) -> str:
        """A value that stands alone, in the unit that fits it."""
        if self.data.stacking == "stacked100":
            return self.unit.text(value)
        return unit_of(self.data.y_name, self.data.y_type, value).text(value)


@dataclass(frozen=True)
class _Columns:
    """Places of the columns that are the x axis, the values and the names of series."""

    x: int
    ys: list[int]
    names: list[int]


def read_chart(answer: dict[str, Any]) -> ChartData:
    """The series of an answer that says `render`. Raises NotDrawableError."""
    chart, properties = answer["render"]["chart"], _lowered(answer["render"]["properties"] or {})
    columns = answer["columns"]
    rows = _expanded(answer["rows"], columns)
    kinds = _kinds(columns, rows)
    chosen = _choose(chart, properties, [column["name"] for column in columns], kinds)
    x_kind = _x_kind(chart, kinds[chosen.x])
    lines = _lines(rows, columns, kinds, chosen, x_kind)
    if x_kind != "text":
        for line in lines:
            _sort(line)
    y_names = [columns[n]["name"] for n in chosen.ys]
    return ChartData(
        chart,
        one_line(properties.get("title") or ""),
        one_line(properties.get("xtitle") or columns[chosen.x]["name"]),
        x_kind,
        one_line(properties.get("ytitle") or ", ".join(y_names)),
        kinds[chosen.ys[0]],
        tuple(lines),
        _stacking(chart, properties),
        str(properties.get("legend", "visible")).lower() != "hidden",
        _limit(properties, "ymin"),
        _limit(properties, "ymax"),
    )


def positive(value: float | None) -> float:
    """What a value adds to a stack or a share."""
    return value if value is not None and math.isfinite(value) and value > 0 else 0.0


def _lowered(properties: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in properties.items()}


def _limit(properties: dict[str, Any], name: str) -> float | None:
    try:
        value = float(properties.get(name, "nan"))
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _stacking(chart: str, properties: dict[str, Any]) -> str:
    kind = str(properties.get("kind", "")).lower()
    if kind in {"stacked", "stacked100"}:
        return kind
    return "stacked" if chart == "stackedareachart" else ""


def _expanded(rows: list[list[Any]], columns: list[dict[str, Any]]) -> list[list[Any]]:
    """Rows of make-series, one for each place in their arrays; other rows as they are."""
    dynamic = [n for n, column in enumerate(columns) if column["type"] == "dynamic"]
    if not any(isinstance(row[n], list) for row in rows for n in dynamic):
        return rows
    return [each for row in rows for each in _unrolled(row, dynamic)]


def _unrolled(row: list[Any], dynamic: list[int]) -> list[list[Any]]:
    arrays = {n: row[n] for n in dynamic if isinstance(row[n], list)}
    length = max((len(values) for values in arrays.values()), default=1)
    padded = {n: [*values, *[None] * (length - len(values))] for n, values in arrays.items()}
    return [
        [padded[n][place] if n in padded else value for n, value in enumerate(row)]
        for place in range(length)
    ]


def _kinds(columns: list[dict[str, Any]], rows: list[list[Any]]) -> list[str]:
    """The type of each column; that of a dynamic one by what is in it."""
    kinds = []
    for n, column in enumerate(columns):
        kind = column["type"]
        if kind == "dynamic":
            values = [row[n] for row in rows if row[n] is not None]
            if values and all(_is_number(value) for value in values):
                kind = "real"
            elif values and all(_is_time(value) for value in values):
                kind = "datetime"
        kinds.append(kind)
    return kinds


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_time(value: object) -> bool:
    return isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value) is not None


def _choose(chart: str, properties: dict[str, Any], names: list[str], kinds: list[str]) -> _Columns:
    x_named = _named(properties.get("xcolumn"), names)
    x = x_named[0] if x_named else _first_x(chart, kinds)
    ys = _named(properties.get("ycolumns"), names)
    series = _named(properties.get("series"), names)
    if not ys:
        ys = [n for n, kind in enumerate(kinds) if kind in NUMERIC and n != x and n not in series]
    if not ys:
        raise NotDrawableError(f"{chart} needs a column of numbers beside the x axis")
    ys = [n for n in ys if kinds[n] in NUMERIC]
    if not ys:
        raise NotDrawableError("ycolumns are not numbers")
    if not series:
        series = [n for n, kind in enumerate(kinds) if kind not in NUMERIC and n not in {x, *ys}]
        series = [n for n in series if kinds[n] != "datetime"]
    return _Columns(x, ys, series)


def _first_x(chart: str, kinds: list[str]) -> int:
    if chart in SCALED:
        usable = {"datetime"} if chart == "timechart" else {"datetime"} | NUMERIC
        found = next((n for n, kind in enumerate(kinds) if kind in usable), None)
        if found is None:
            what = "times" if chart == "timechart" else "times or numbers"
            raise NotDrawableError(f"{chart} needs a column of {what} for its x axis")
        return found
    return 0


def _named(value: object, names: list[str]) -> list[int]:
    """Places of the columns that a property names: one, a list, or a text with commas."""
    if not value:
        return []
    wanted = value if isinstance(value, list) else str(value).split(",")
    found = [str(name).strip() for name in wanted]
    missing = [name for name in found if name not in names]
    if missing:
        raise NotDrawableError(f'render names the column "{missing[0]}", which is not there')
    return [names.index(name) for name in found]


def _x_kind(chart: str, kind: str) -> str:
    if kind == "datetime":
        return "time"
    if chart in SCALED and kind in NUMERIC:
        return "number"
    return "text"


def _lines(
    rows: list[list[Any]],
    columns: list[dict[str, Any]],
    kinds: list[str],
    chosen: _Columns,
    x_kind: str,
) -> list[Line]:
    lines: dict[str, Line] = {}
    for row in rows:
        x = _x_value(row[chosen.x], x_kind, kinds[chosen.x])
        if x is None:
            continue
        group = ", ".join(_text(row[n]) for n in chosen.names)
        for n in chosen.ys:
            parts = [group] if chosen.names else []
            if len(chosen.ys) > 1 or not parts:
                parts.append(one_line(columns[n]["name"]))
            line = lines.setdefault(" ".join(parts), Line(" ".join(parts)))
            line.x.append(x)
            line.y.append(_number(row[n], kinds[n]))
    return list(lines.values())


def _x_value(value: Any, x_kind: str, kind: str) -> X | None:
    if x_kind == "time":
        return parse_time(value).timestamp() if value else None
    if x_kind == "number":
        number = _number(value, kind)
        return number if math.isfinite(number) else None
    return _text(value)


def _text(value: object) -> str:
    if value is None or value == "":
        return EMPTY
    if isinstance(value, bool):
        return "true" if value else "false"
    return one_line(json.dumps(value) if isinstance(value, (dict, list)) else value)


def _number(value: Any, kind: str) -> float:
    """A number; a timespan in seconds. The API's words for what JSON cannot hold are Python's."""
    if value is None:
        return math.nan
    if kind == "timespan":
        match = _TIMESPAN.match(value)
        if match is None:
            return math.nan
        sign, days, hours, minutes, seconds = match.groups()
        total = int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return -total if sign else total
    return float(value)


def _sort(line: Line) -> None:
    order = sorted(range(len(line.x)), key=lambda n: line.x[n])
    line.x = [line.x[n] for n in order]
    line.y = [line.y[n] for n in order]
