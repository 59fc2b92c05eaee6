"""Errors that a person at a terminal sees: a sentence, and what to do.

CliError              exit code 1: the thing asked about failed or does not exist
├── WrongUsageError   2: the collector refused how it was asked
│   └── BadQueryError 2: a query in KQL that does not compile
└── UnreachableError  3: no collector answers
"""

from __future__ import annotations

import sys
from typing import IO, Any

import click

from stepsight._settings import wants_color

__all__ = ["BadQueryError", "CliError", "UnreachableError", "WrongUsageError"]


class CliError(click.ClickException):
    """Something asked for cannot be had. `hint` is advice, one line or several."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message[:1].upper() + message[1:])
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence and the advice on stderr."""
        click.echo(f"Error: {self.format_message()}", file=file, err=file is None)
        for line in self.hint.splitlines():
            click.echo(f"  {line}", file=file, err=file is None)


class WrongUsageError(CliError):
    """An argument that the collector does not accept."""

    exit_code = 2


class BadQueryError(WrongUsageError):
    """A query does not compile; `report` shows the places, `source` is where it came from."""

    def __init__(self, message: str, report: str) -> None:
        super().__init__(message)
        self.report = report
        self.source = "query"

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the report on stderr."""
        from stepsight._cli.report import color_report
        from stepsight._cli.table import terminal_width

        colors = file is None and sys.stderr.isatty() and wants_color()
        width = terminal_width() if file is None and sys.stderr.isatty() else None
        text = color_report(self.report, colors=colors, source=self.source, width=width)
        click.echo(text, file=file, err=file is None)


class UnreachableError(CliError):
    """No collector answers at the address."""

    exit_code = 3
