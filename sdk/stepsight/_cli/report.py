"""What the collector says about a query that does not compile, coloured for a terminal.

A report has a line with place and message, the query's line, and a mark below it, for each thing
that is wrong.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

import click

from stepsight._cli.text import one_line, printable

__all__ = ["color_report", "diagnostic_text"]

_PLACE = re.compile(r"^(\S+:\d+:\d+)(  )(.*)$")
_MARK = re.compile(r"^( *\| *)(~+)$")
_MORE = "   "
_LINE = re.compile(r"^( *\d+ \|)(.*)$")


def color_report(
    report: str, *, colors: bool, source: str = "query", width: int | None = None
) -> str:
    """The report with its marks red and its places bold; `source` is where the query came from.

    With a `width`, long messages go on below; lines of the query stay as they are.
    """
    lines = printable(report).rstrip().splitlines()
    named = [
        f"{source}{line[5:]}" if re.match(r"query:\d+:\d+  ", line) else line for line in lines
    ]
    whole = [part for line in named for part in _wrapped(line, width)]
    return "\n".join(_color(line) if colors else line for line in whole)


def diagnostic_text(diagnostic: dict[str, Any]) -> str:
    """What is wrong and what to do, on one line."""
    message, hint = diagnostic["message"].rstrip("."), diagnostic.get("hint")
    return one_line(f"{message}. {hint}" if hint else f"{message}.")


def _wrapped(line: str, width: int | None) -> list[str]:
    if width is None or len(line) <= width or not _PLACE.match(line):
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=_MORE, break_on_hyphens=False)


def _color(line: str) -> str:
    if match := _PLACE.match(line):
        return click.style(match[1], bold=True) + match[2] + click.style(match[3], fg="red")
    if match := _MARK.match(line):
        return click.style(match[1], dim=True) + click.style(match[2], fg="red", bold=True)
    if line.startswith(_MORE) and "|" not in line:
        return click.style(line, fg="red")
    if match := _LINE.match(line):
        return click.style(match[1], dim=True) + match[2]
    return line
