"""What can be typed at the prompt besides a question: lines that begin with a dot."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from stepsight._cli.output import FORMATS
from stepsight._cli.query_list import print_queries
from stepsight._cli.query_parameters import parse_pairs
from stepsight._cli.saved_queries import save_query
from stepsight._cli.schema import print_columns, print_tables
from stepsight._cli.timespan import parse_timespan

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._cli.prompt import PromptState

__all__ = ["COMMANDS", "run_command"]

MAX_ROWS = 100_000


@dataclass(frozen=True)
class Command:
    """A dot command: what it takes and does."""

    name: str
    argument: str
    text: str
    run: Callable[[PromptState, str], None]


def run_command(state: PromptState, line: str) -> None:
    """Do what a line with a dot says. Raises click.UsageError if there is no such command."""
    name, _, argument = line.partition(" ")
    command = next((each for each in COMMANDS if each.name == name), None)
    if command is None:
        nearest = difflib.get_close_matches(name, [each.name for each in COMMANDS], 1)
        hint = f" Did you mean {nearest[0]}?" if nearest else " .help lists what there is."
        raise click.UsageError(f'there is no command "{name}".{hint}')
    command.run(state, argument.strip())


def _help(_state: PromptState, _argument: str) -> None:
    rows = [("QUERY", "ask in KQL; Enter runs it, Alt-Enter or | at the end adds a line")]
    rows += [("@NAME", "ask a saved query")]
    rows += [(f"{each.name} {each.argument}".strip(), each.text) for each in COMMANDS]
    width = max(len(head) for head, _ in rows)
    for head, text in rows:
        click.echo(f"  {head:<{width}}  {text}")
    click.echo("  Tab completes, the arrows go back through what was asked, Ctrl-R searches it.")


def _tables(state: PromptState, _argument: str) -> None:
    print_tables(state.tables)


def _schema(state: PromptState, argument: str) -> None:
    if not argument:
        raise click.UsageError(".schema needs the name of a table: .schema traces")
    print_columns(state.tables, argument)


def _format(state: PromptState, argument: str) -> None:
    if argument and argument not in FORMATS:
        raise click.UsageError(f'.format takes {", ".join(FORMATS)}, not "{argument}".')
    if argument:
        state.options = dataclasses.replace(state.options, form=argument)
    click.echo(f"format {state.options.form}")


def _timespan(state: PromptState, argument: str) -> None:
    if argument:
        try:
            span = None if argument == "all" else parse_timespan(argument)
        except ValueError as exc:
            raise click.UsageError(
                f'"{argument}" is no span of time: .timespan takes {exc}, or all.'
            ) from exc
        state.options = dataclasses.replace(state.options, timespan=span)
    click.echo(f"timespan {state.options.timespan or 'all'}")


def _rows(state: PromptState, argument: str) -> None:
    if argument:
        if not argument.isdecimal() or not 1 <= int(argument) <= MAX_ROWS:
            raise click.UsageError(
                f'.rows takes a number from 1 to {MAX_ROWS:,}, not "{argument}".'
            )
        state.options = dataclasses.replace(state.options, max_rows=int(argument))
    click.echo(f"at most {state.options.max_rows:,} rows")


def _param(state: PromptState, argument: str) -> None:
    values = dict(state.options.parameters)
    if argument and "=" not in argument:
        values.pop(argument, None)
    elif argument:
        values |= parse_pairs([argument])
    state.options = dataclasses.replace(state.options, parameters=values)
    for name, value in values.items():
        click.echo(f"{name}={value}")


def _explain(state: PromptState, argument: str) -> None:
    from stepsight._cli.prompt import ask

    question = argument or state.last_query
    if not question:
        raise click.UsageError(".explain needs a query: .explain traces | take 10")
    ask(state, question, explain=True)


def _save(state: PromptState, argument: str) -> None:
    if not state.last_query:
        raise click.UsageError("there is nothing to save yet: ask first.")
    path = save_query(argument.removeprefix("@"), state.last_query)
    click.echo(f"saved as @{path.stem}: {path}")


def _list(_state: PromptState, _argument: str) -> None:
    print_queries("table")


def _quit(state: PromptState, _argument: str) -> None:
    state.is_over = True


COMMANDS = (
    Command(".tables", "", "the tables", _tables),
    Command(".schema", "TABLE", "the columns of a table", _schema),
    Command(".format", f"[{'|'.join(FORMATS)}]", "how answers are printed", _format),
    Command(
        ".timespan",
        "[SPAN|all]",
        "only rows of this time: 1h, 7d, today, 2026-11-24, A/B",
        _timespan,
    ),
    Command(".rows", "[N]", "how many rows are fetched at most", _rows),
    Command(".param", "[NAME=VALUE|NAME]", "set a parameter, or unset it", _param),
    Command(".explain", "[QUERY]", "plan and SQL of a query, else of the last one", _explain),
    Command(".save", "NAME", "keep the last query as @NAME", _save),
    Command(".list", "", "the saved queries", _list),
    Command(".help", "", "this", _help),
    Command(".quit", "", "leave, as Ctrl-D does", _quit),
)
