"""What a query renders, drawn for a terminal: lines, areas, dots, columns, bars, shares, a card."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.axis import TOO_LARGE
from stepsight._cli.chart_bars import draw_lying, draw_pie, draw_standing
from stepsight._cli.chart_data import ChartData, Line, NotDrawableError, Sheet, read_chart
from stepsight._cli.chart_plots import STYLES, draw_lines
from stepsight._cli.output import is_terminal, styled
from stepsight._cli.plot import MAX_SERIES
from stepsight._cli.table import terminal_width
from stepsight._cli.units import Unit, unit_of
from stepsight._settings import wants_color

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["chart_lines", "chart_writer", "is_chart"]

_BARS = {"barchart": draw_lying, "columnchart": draw_standing, "piechart": draw_pie}


def is_chart(answer: dict[str, Any]) -> bool:
    """Whether the query renders something else than a table."""
    rendering = answer.get("render")
    return rendering is not None and rendering["chart"].lower() != "table"


def chart_writer(answer: dict[str, Any]) -> Callable[[Any], None]:
    """What writes the chart to a stream. Where it cannot be drawn, the rows, and why on stderr."""

    def write(stream: Any) -> None:
        on_terminal = stream is sys.stdout and is_terminal()
        try:
            lines = chart_lines(answer, terminal_width(), colors=on_terminal and wants_color())
        except NotDrawableError as exc:
            from stepsight._cli.answer import print_answer

            print_answer(answer, stream)
            click.echo(f"These are the rows: {exc}.", err=True)
            return
        click.echo("\n".join(line.rstrip() for line in lines), file=stream)

    return write


def chart_lines(answer: dict[str, Any], width: int, *, colors: bool) -> list[str]:
    """The chart in at most `width` columns. Raises NotDrawableError."""
    chart = answer["render"]["chart"].lower()
    if chart not in {*STYLES, *_BARS, "card"}:
        raise NotDrawableError(f"a {chart} cannot be drawn in a terminal")
    if not answer["rows"]:
        return ["No rows to draw."]
    if chart == "card":
        return _card(answer)
    data = read_chart(answer)
    unit = _unit(data)
    kept, left_out = _largest(data)
    if not any(math.isfinite(y) for line in kept for y in line.y):
        raise NotDrawableError("there is no finite value to draw")
    if sum(abs(y) for line in kept for y in line.y if math.isfinite(y)) > TOO_LARGE:
        raise NotDrawableError("values beyond 1e300 cannot be drawn")
    draw = draw_lines if chart in STYLES else _BARS[chart]
    lines = [*_title(data), *draw(Sheet(data, tuple(kept), width, unit, colors))]
    if left_out:
        lines.append(f"  and {left_out} more series; where or top in the query picks others")
    return lines


def _title(data: ChartData) -> list[str]:
    y_name = styled(data.y_name, "dim" if data.title else "bold")
    return [f"{styled(data.title, 'bold')}  {y_name}" if data.title else y_name]


def _card(answer: dict[str, Any]) -> list[str]:
    """The values of the first row, each under its name."""
    from stepsight._cli.answer import cell_text

    lines = []
    for column, value in zip(answer["columns"], answer["rows"][0], strict=True):
        text = cell_text(value, column["type"])
        if column["type"] in {"int", "long"} and value is not None:
            text = f"{value:,}"
        lines += [styled(column["name"], "dim"), styled(text, "bold"), ""]
    return lines[:-1]


def _unit(data: ChartData) -> Unit:
    finite = [abs(y) for line in data.lines for y in line.y if math.isfinite(y)]
    if data.stacking == "stacked100":
        return Unit(0.01, " %")
    return unit_of(data.y_name, data.y_type, max(finite, default=0.0))


def _largest(data: ChartData) -> tuple[list[Line], int]:
    """The series that a chart can tell apart, in their order, and how many are left out."""
    weights = [sum(abs(y) for y in line.y if math.isfinite(y)) for line in data.lines]
    order = sorted(range(len(weights)), key=lambda n: -weights[n])[:MAX_SERIES]
    return [data.lines[n] for n in sorted(order)], len(data.lines) - len(order)
