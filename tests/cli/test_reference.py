"""The pages that are made from code say what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

import click

from stepsight._cli.main import COMMANDS, cli

GENERATE = Path(__file__).parents[2] / "docs" / "generate.py"


def test_the_pages_are_current() -> None:
    pages = runpy.run_path(str(GENERATE))["PAGES"]

    for path, page in pages.items():
        assert page() == path.read_text("utf-8"), "make docs"


def test_the_list_of_commands_says_what_they_say_themselves() -> None:
    context = click.Context(cli)
    helps = {}
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        helps[name] = (command.help or "").partition("\n")[0]

    for name in ("up", "runs", "show", "logs", "metrics", "trace", "query", "doctor"):
        assert helps[name] == COMMANDS[name][2]
