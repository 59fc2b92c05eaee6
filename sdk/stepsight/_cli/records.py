"""Rows that are too wide for a table: each one as a block, a line for each of its values."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from stepsight._cli.output import styled
from stepsight._cli.table import fit, pad, terminal_width
from stepsight._cli.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["print_records"]

MAX_NAME_WIDTH = 32
MAX_VALUE_LINES = 3


def print_records(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows one below the other; values that are empty are left out, long ones are cut."""
    width = terminal_width()
    margin = min(max(len(name) for name in names), MAX_NAME_WIDTH, width // 3)
    for n, row in enumerate(rows, 1):
        head = f"─── {n} of {len(rows)} "
        click.echo(styled(head + "─" * (width - len(head)), "dim"))
        for name, value in zip(names, row, strict=True):
            if value:
                _print_value(name, value, margin, width - margin - 2)


def _print_value(name: str, value: str, margin: int, width: int) -> None:
    title = styled(pad(fit(one_line(name), margin), margin), "bold")
    lines = _wrapped(one_line(value), width)
    click.echo(f"{title}  {lines[0]}")
    for line in lines[1:]:
        click.echo(" " * (margin + 2) + line)


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [fit(text, width)]
    # Cut first: a message may have a megabyte, and only its begin is shown.
    lines = textwrap.wrap(text[: width * (MAX_VALUE_LINES + 1)], width) or [""]
    if len(lines) > MAX_VALUE_LINES:
        lines = lines[:MAX_VALUE_LINES]
        lines[-1] = lines[-1][: width - 1] + "…"
    return [fit(line, width) for line in lines]
