"""Tables for people: aligned lines without boxes.

On a terminal a table fits its width; in a pipe every cell is whole and nothing is coloured.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.output import is_terminal, styled
from stepsight._cli.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Column", "fit", "pad", "print_table", "terminal_width"]

GAP = "  "
MIN_WIDTH = 8


@dataclass(frozen=True)
class Column:
    """A column: `text` makes a cell from a row, `style` names its colour.

    On a terminal that is too narrow, columns with `shrinks` are cut down to MIN_WIDTH, then those
    with `spare` are left out, the highest first. The last column may go on below, in at
    most `wraps` lines.
    """

    title: str
    text: Callable[[Any], str]
    style: Callable[[Any], str] | None = None
    right: bool = False
    shrinks: bool = False
    spare: int = 0
    wraps: int = 1


def terminal_width() -> int:
    """Columns of the terminal; 80 when nobody knows."""
    return max(shutil.get_terminal_size((80, 24)).columns, 20)


def print_table(
    rows: Sequence[Any],
    columns: Sequence[Column],
    indent: int = 0,
    note: Callable[[Any], str] | None = None,
    *,
    keep_empty: bool = False,
    stream: Any = None,
) -> None:
    """Print rows under a line of titles; columns that are empty in every row are left out.

    `note` may say something more about a row; it stands on a line of its own below it. `stream`
    is where to, instead of stdout; then nothing is cut.
    """
    cells = [[one_line(column.text(row)) for column in columns] for row in rows]
    shown = [n for n in range(len(columns)) if keep_empty or any(line[n] for line in cells)]
    widths = {
        n: max([_width(columns[n].title), *(_width(line[n]) for line in cells)]) for n in shown
    }
    on_terminal = stream in {None, sys.stdout} and is_terminal()
    if on_terminal:
        widths = _fit_widths(widths, columns, terminal_width() - indent)
    titles = _line([column.title for column in columns], ["bold"] * len(columns), widths, columns)
    click.echo(" " * indent + titles, file=stream)
    for row, line in zip(rows, cells, strict=True):
        styles = [column.style(row) if column.style else "" for column in columns]
        below = _wrap_last(line, widths, columns) if on_terminal else []
        text = " " * indent + _line(line, styles, widths, columns)
        click.echo(text if on_terminal else text.rstrip(), file=stream)
        for rest in below:
            click.echo(" " * indent + rest, file=stream)
        more = note(row) if note else ""
        if more:
            click.echo(" " * (indent + 2) + more, file=stream)


def _line(
    cells: Sequence[str],
    styles: Sequence[str],
    widths: dict[int, int],
    columns: Sequence[Column],
) -> str:
    parts = []
    last = next(reversed(widths), None)
    for n, width in widths.items():
        text = pad(fit(one_line(cells[n]), width), width, right=columns[n].right)
        parts.append(styled(text.rstrip() if n == last else text, styles[n]))
    return GAP.join(parts)


def _wrap_last(line: list[str], widths: dict[int, int], columns: Sequence[Column]) -> list[str]:
    """Cut the last cell to its first line; returns the lines that go below, in its column."""
    last = next(reversed(widths))
    most, width = columns[last].wraps, widths[last]
    if most == 1 or _width(line[last]) <= width:
        return []
    # Cut first: a message may have a megabyte.
    lines = textwrap.wrap(line[last][: width * (most + 1)], width)
    if len(lines) > most:
        lines = [*lines[: most - 1], fit(f"{lines[most - 1]}{' ' * width}", width)]
    line[last] = lines[0]
    margin = _total(widths) - width
    return [" " * margin + each for each in lines[1:]]


def _fit_widths(widths: dict[int, int], columns: Sequence[Column], space: int) -> dict[int, int]:
    widths = dict(widths)
    for n in sorted(widths, key=lambda n: -widths[n]):
        missing = _total(widths) - space
        if missing > 0 and columns[n].shrinks:
            widths[n] = max(widths[n] - missing, min(widths[n], MIN_WIDTH))
    for n in sorted(widths, key=lambda n: -columns[n].spare):
        if _total(widths) > space and columns[n].spare:
            del widths[n]
    return widths


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def fit(text: str, width: int) -> str:
    """The text in at most `width` cells of a terminal, ending in `…` if some of it is missing."""
    if _width(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells if it is shorter."""
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
