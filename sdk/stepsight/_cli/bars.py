"""Bars that lie: a line for each name, its value behind it. Bar charts, and pies as shares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stepsight._cli.output import styled
from stepsight._cli.plot import COLORS, SIGNS
from stepsight._cli.spark import bar
from stepsight._cli.table import fit, pad

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Text = Callable[[float], str]


__all__ = ["draw_bars", "draw_shares", "draw_stacks"]

MIN_BAR = 8


def draw_bars(
    rows: Sequence[tuple[str, int, float]], width: int, text_of: Text, *, colors: bool
) -> list[str]:
    """A bar for each `(name, series, value)`; one below zero lies left of the line that is zero."""
    finite = [value for _, _, value in rows if math.isfinite(value)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    texts = [text_of(value) if math.isfinite(value) else "" for _, _, value in rows]
    names, room = _room([name for name, _, _ in rows], texts, width)
    lines = []
    for (_, n, value), name, text in zip(rows, names, texts, strict=True):
        start, end = min(value, 0.0) - low, max(value, 0.0) - low
        drawn = bar(start, end, high - low, room) if math.isfinite(value) and value else ""
        lines.append(f"{name}  {_colored(pad(drawn, room), n, colors)}  {text}".rstrip())
    return lines


def draw_shares(
    rows: Sequence[tuple[str, float]], width: int, text_of: Text, *, colors: bool
) -> list[str]:
    """A bar for each `(name, value)`, the value and its share of the sum. No share is negative."""
    values = [value if math.isfinite(value) and value > 0 else 0.0 for _, value in rows]
    total = sum(values)
    shares = [value / total if total else 0.0 for value in values]
    figures = [text_of(value) for _, value in rows]
    widest = max(len(figure) for figure in figures)
    texts = [
        f"{share:6.1%}  {figure:>{widest}}" for share, figure in zip(shares, figures, strict=True)
    ]
    names, room = _room([name for name, _ in rows], texts, width)
    largest = max(shares, default=0.0)
    return [
        f"{name}  {_colored(pad(bar(0, share, largest, room) if share else '', room), 0, colors)}"
        f"  {text}"
        for name, share, text in zip(names, shares, texts, strict=True)
    ]


def draw_stacks(
    rows: Sequence[tuple[str, Sequence[float]]],
    width: int,
    text_of: Text,
    *,
    colors: bool,
) -> list[str]:
    """A bar for each `(name, values)`, made of a part for each series."""
    totals = [sum(_positive(value) for value in values) for _, values in rows]
    texts = [text_of(total) for total in totals]
    names, room = _room([name for name, _ in rows], texts, width)
    largest = max(totals, default=0.0)
    lines = []
    for (_, values), name, text in zip(rows, names, texts, strict=True):
        stack = _stack(values, room / (largest or 1.0), room, colors=colors)
        lines.append(f"{name}  {stack}  {text}")
    return lines


def _stack(values: Sequence[float], scale: float, room: int, *, colors: bool) -> str:
    parts, at, drawn = [], 0.0, 0
    for n, value in enumerate(values):
        at += _positive(value) * scale
        cells = min(round(at), room) - drawn
        drawn += cells
        sign = "█" if colors else SIGNS[n % len(SIGNS)]
        parts.append(_colored(sign * cells, n, colors))
    return "".join(parts) + " " * (room - drawn)


def _positive(value: float) -> float:
    return value if math.isfinite(value) and value > 0 else 0.0


def _room(names: Sequence[str], texts: Sequence[str], width: int) -> tuple[list[str], int]:
    """The names in one width, and the cells that are left for the bars."""
    widest = max(len(text) for text in texts)
    wanted = max(_width(name) for name in names)
    margin = max(min(wanted, width - widest - 4 - MIN_BAR, width // 2), 1)
    room = max(width - margin - widest - 4, MIN_BAR)
    return [pad(fit(name, margin), margin) for name in names], room


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _colored(text: str, n: int, colors: bool) -> str:
    return styled(text, COLORS[n % len(COLORS)]) if colors and text.strip() else text
