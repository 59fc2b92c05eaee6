"""`stepsight query` without a question, on a terminal: a prompt for many of them.

Only this and the other modules named prompt_* import prompt_toolkit.
"""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

import stepsight
from stepsight._cli.prompt_commands import run_command
from stepsight._cli.prompt_input import PromptInput
from stepsight._cli.query_parameters import declared_parameters
from stepsight._cli.query_run import QueryOptions, answer_question, source_of
from stepsight._cli.saved_queries import expand
from stepsight._cli.text import mask_password

if TYPE_CHECKING:
    from stepsight._cli.api import Api

__all__ = ["PromptState", "ask", "run_prompt"]


@dataclass
class PromptState:
    """What holds from one question to the next; `tables` are those of the collector."""

    api: Api
    options: QueryOptions
    tables: list[dict[str, Any]]
    last_query: str = ""
    is_over: bool = False

    def describe(self) -> str:
        """How questions are asked now, in a line."""
        parts = [f"format {self.options.form}", f"timespan {self.options.timespan or 'all'}"]
        parts += [f"{name}={value}" for name, value in self.options.parameters.items()]
        return "  ".join(parts)


def run_prompt(api: Api, options: QueryOptions) -> None:
    """Ask and answer until the person leaves. Raises CliError if no collector answers."""
    state = PromptState(api, options, api.get("schema")["tables"])
    click.echo(f"stepsight {stepsight.__version__}, collector at {mask_password(api.url)}")
    click.echo(".help lists what can be typed. Ctrl-C ends a query, Ctrl-D the prompt.")
    with contextlib.closing(PromptInput(state)) as reader:
        while not state.is_over:
            try:
                text = reader.read()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text.strip():
                _react(state, text.strip())
                click.echo()


def _react(state: PromptState, text: str) -> None:
    """Do what a line says; whatever goes wrong is told, and the prompt stays."""
    try:
        if text.startswith("."):
            run_command(state, text)
        else:
            ask(state, text)
    except click.ClickException as exc:
        if isinstance(exc, click.UsageError) and not hasattr(exc, "hint"):
            click.echo(f"Error: {exc.format_message()}", err=True)
        else:
            exc.show()
    except KeyboardInterrupt:
        click.echo("\nCanceled.", err=True)


def ask(state: PromptState, text: str, *, explain: bool = False) -> None:
    """Answer a question; `@NAME` is a saved one. Parameters that it does not declare stay out."""
    question = expand(text)
    state.last_query = question
    declared = {each.name for each in declared_parameters(question)}
    given = {name: v for name, v in state.options.parameters.items() if name in declared}
    options = dataclasses.replace(state.options, parameters=given, explain=explain)
    options = dataclasses.replace(options, source=source_of(text))
    if explain:
        options = dataclasses.replace(options, form="table")
    answer_question(state.api, question, options)
