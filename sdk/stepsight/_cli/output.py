"""Rows on their way out: json, jsonl and csv for programs, colours for people."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from stepsight._settings import wants_color

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

__all__ = [
    "FORMATS",
    "console",
    "is_terminal",
    "print_rows",
    "shell_argument",
    "status_style",
    "styled",
]

FORMATS = ("table", "json", "jsonl", "csv")
STATUS_STYLES = {
    "Running": "cyan",
    "Completed": "green",
    "Failed": "red",
    "NotResponding": "red",
    "Canceled": "yellow",
    "Queued": "blue",
    "Reused": "blue",
}


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def console(*, stderr: bool = False) -> Console:
    """A rich console for stdout or stderr, with colours only where they are wanted."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=not wants_color() or not stream.isatty(),
    )


def styled(text: str, style: str) -> str:
    """The text in a colour, or bold or dim, if stdout is a terminal that wants it."""
    if not style or not is_terminal() or not wants_color():
        return text
    if style in {"bold", "dim"}:
        return click.style(text, bold=style == "bold" or None, dim=style == "dim" or None)
    return click.style(text, fg=style)


def print_rows(
    rows: Iterable[Mapping[str, Any]], form: str, names: Sequence[str], stream: Any = None
) -> None:
    """Print row objects as json (one array), jsonl or csv, with exactly the fields `names`."""
    picked = ({name: row.get(name) for name in names} for row in rows)
    out = sys.stdout if stream is None else stream
    if form == "json":
        separator = "["
        for row in picked:
            out.write(f"{separator}\n{_json(row)}")
            separator = ","
        out.write("[]\n" if separator == "[" else "\n]\n")
    elif form == "jsonl":
        for row in picked:
            out.write(_json(row) + "\n")
    else:
        writer = csv.writer(_UnixLines(out))
        writer.writerow(names)
        for row in picked:
            writer.writerow([_csv_cell(value) for value in row.values()])


class _UnixLines:
    """Ends rows of csv with a newline alone; told to do so, csv leaves a bare return unquoted."""

    def __init__(self, out: Any) -> None:
        self._out = out

    def write(self, row: str) -> None:
        self._out.write(row.removesuffix("\r\n") + "\n")


def _json(row: object) -> str:
    # Escaped: a lone surrogate in a message must not end the output.
    return json.dumps(row, ensure_ascii=True, separators=(", ", ": "))


def _csv_cell(value: object) -> object:
    return _json(value) if isinstance(value, (dict, list, bool)) else value


def status_style(status: str) -> str:
    """The colour of a run's or step's status."""
    return STATUS_STYLES.get(status, "")


def shell_argument(text: str) -> str:
    """A name as it must be typed in a shell."""
    import shlex

    return shlex.quote(text)
