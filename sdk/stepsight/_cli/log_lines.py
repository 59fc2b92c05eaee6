"""Log rows as lines for people: time, level or stream, step, message.

On a terminal the time is short and long lines are cut; in a pipe every line is whole.
"""

from __future__ import annotations

from typing import Any

import click

from stepsight._cli.output import is_terminal, styled
from stepsight._cli.table import fit, pad
from stepsight._cli.text import one_line, printable

__all__ = ["LogPrinter"]

# A terminal is stuck for seconds with a line of a megabyte; a pipe gets all of it.
MAX_TERMINAL_CHARS = 4_000
MAX_STEP_WIDTH = 20
WARNING, ERROR = 13, 17


class LogPrinter:
    """Prints rows one after the other; the step's column grows with the longest name so far."""

    def __init__(self) -> None:
        self._step_width = 0
        self._is_terminal = is_terminal()

    def print(self, rows: list[dict[str, Any]]) -> None:
        """Print rows, oldest first."""
        names = [fit(one_line(row["step_name"]), MAX_STEP_WIDTH) for row in rows]
        self._step_width = max([self._step_width, *(len(name) for name in names)])
        for row, name in zip(rows, names, strict=True):
            self._print_row(row, name)

    def _print_row(self, row: dict[str, Any], step: str) -> None:
        time = row["timestamp"][11:23] if self._is_terminal else row["timestamp"][:23] + "Z"
        word = f"{_word(row):<8}"
        step = pad(step, self._step_width)
        indent = len(f"{time}  {word}  {step}  ")
        first, *rest = self._message(row).split("\n")
        style = _style(row)
        head = f"{styled(time, 'dim')}  {styled(word, style or 'dim')}  {styled(step, 'cyan')}"
        click.echo(f"{head}  {styled(first, style)}".rstrip())
        for line in rest:
            click.echo((" " * indent + styled(line, style)).rstrip())

    def _message(self, row: dict[str, Any]) -> str:
        attributes = row["attributes"] or {}
        text = str(row["message"])
        if row["event"]:
            text += _reason(attributes)
        elif attributes.get("exception.stacktrace"):
            text += "\n" + attributes["exception.stacktrace"].rstrip("\n")
        if not self._is_terminal or len(text) <= MAX_TERMINAL_CHARS:
            return printable(text)
        note = f"… ({len(text):,} characters; whole in a pipe: | less)"
        return printable(text[:MAX_TERMINAL_CHARS]) + note


def _word(row: dict[str, Any]) -> str:
    """The stream of a captured line, else the level."""
    if row["event"]:
        return "event"
    return str(row["stream"] or one_line(row["level"])[:8] or "-")


def _reason(attributes: dict[str, str]) -> str:
    parts = [attributes.get(f"exception.{name}", "") for name in ("type", "message")]
    text = ": ".join(part for part in parts if part)
    signal = attributes.get("process.exit.signal", "")
    return f": {text or signal}" if text or signal else ""


def _style(row: dict[str, Any]) -> str:
    if row["severity"] >= ERROR:
        return "red"
    if row["severity"] >= WARNING:
        return "yellow"
    failed = (row["attributes"] or {}).get("stepsight.status") == "Failed"
    if row["event"]:
        return "red" if failed else "dim"
    return ""
