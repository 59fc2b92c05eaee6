"""`stepsight`: the group of all commands, each loaded when it is called.

Imports click only: `stepsight run` starts once for every step.
Exit codes: docs/reference/cli.md.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from typing import Any

import click

import stepsight

__all__ = ["COMMANDS", "cli", "main"]

EXIT_INTERRUPTED = 130

# name: module, command in it, what it does (the same as the first line of its own help)
COMMANDS = {
    "up": ("up", "up_command", "Start a collector with an embedded store."),
    "demo": ("demo", "demo_command", "Run a sample pipeline and show the result."),
    "run": ("run", "run_command", "Run a command as a step and record it."),
    "runs": ("runs", "runs_command", "List the newest runs."),
    "show": ("show", "show_command", "Show one run: its steps, metrics, tags and cause."),
    "logs": ("logs", "logs_command", "Print the log of a run; --follow keeps printing."),
    "metrics": ("metrics", "metrics_command", "List or plot the metrics of a run."),
    "artifacts": ("artifacts", "artifacts_command", "List or fetch a run's images and files."),
    "trace": ("trace", "trace_command", "Show an operation as a waterfall of its spans."),
    "query": ("query", "query_command", "Ask the store in KQL or SQL."),
    "schema": ("schema", "schema_command", "List the tables and columns that KQL knows."),
    "doctor": ("doctor", "doctor_command", "Say what is configured, reachable and wrong."),
}


class CommandGroup(click.Group):
    """The commands of COMMANDS; Ctrl-C and a reader that went away end them quietly."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names in the order of a first day's use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        loaded = importlib.import_module(f"stepsight._cli.{module}")
        command: click.Command = getattr(loaded, attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a name that is none, the nearest one is named."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            nearest = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and see to it that its output has left."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
            ctx.exit(0)
        except KeyboardInterrupt:
            ctx.exit(EXIT_INTERRUPTED)
        return result


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(stepsight.__version__, prog_name="stepsight")
def cli() -> None:
    """Watch ML pipeline runs: logs, metrics and traces of every step.

    stepsight COMMAND --help explains a command.
    """


def main() -> None:
    """The entry point of the `stepsight` script."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets an escape, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(prog_name="stepsight")
    except KeyboardInterrupt:  # while a command was being loaded
        sys.exit(EXIT_INTERRUPTED)


def _drop_output() -> None:
    """Send what is still buffered to nowhere: the interpreter flushes once more when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
