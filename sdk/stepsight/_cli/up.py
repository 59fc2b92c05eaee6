"""`stepsight up`: the collector, which has its own settings and help."""

from __future__ import annotations

import importlib.util
import sys

import click

from stepsight._cli.errors import CliError

__all__ = ["up_command"]


@click.command(
    "up",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def up_command(arguments: tuple[str, ...]) -> None:
    """Start a collector with an embedded store."""
    _check_extra()
    from stepsight_collector.app import main

    sys.exit(main(list(arguments), prog="stepsight up"))


def _check_extra() -> None:
    needed = ("stepsight_collector", "chdb", "clickhouse_connect", "starlette", "uvicorn", "grpc")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        old = " The embedded store needs Python 3.11." if sys.version_info < (3, 11) else ""
        raise CliError(
            f"the collector needs {missing[0]}, which is not installed.{old}",
            "pip install 'stepsight[collector]'",
        )
