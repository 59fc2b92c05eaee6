"""`stepsight query`: a question to the store; its answer as a table, a chart, rows or parquet."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.errors import BadQueryError, UnreachableError
from stepsight._cli.options import api_option, format_option, make_api
from stepsight._cli.output import is_terminal
from stepsight._cli.query_parameters import parse_pairs
from stepsight._cli.query_run import QueryOptions, answer_question, source_of
from stepsight._cli.saved_queries import expand, save_query

if TYPE_CHECKING:
    from stepsight._cli.api import Api

__all__ = ["query_command"]


PROMPT_ROWS = 100


class Timespan(click.ParamType[str]):
    """A span of time as people say it; becomes ISO 8601."""

    name = "timespan"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text."""
        from stepsight._cli.timespan import parse_timespan

        try:
            return parse_timespan(str(value))
        except ValueError as exc:
            self.fail(f'expected {exc}, got "{value}"', param, ctx)


@click.command("query")
@click.argument("text", required=False, metavar="[TEXT|@NAME]")
@click.option("--sql", "is_sql", is_flag=True, help="TEXT is SQL, as ClickHouse speaks it.")
@click.option(
    "-f", "--file", type=click.File(encoding="utf-8"), help="Read TEXT from FILE; - is stdin."
)
@click.option(
    "--timespan",
    type=Timespan(),
    metavar="SPAN",
    help="Only rows of this time: 1h, 7d, today, 2026-11-24, A/B, or ISO 8601.",
)
@click.option(
    "-p",
    "--param",
    "pairs",
    metavar="NAME=VALUE",
    multiple=True,
    help="Value of a declared parameter; may be given several times.",
)
@click.option("--explain", is_flag=True, help="Show plan, SQL and what was read, not the rows.")
@click.option(
    "--chart/--no-chart",
    default=None,
    help="Draw what the query renders, or print its rows. Drawn on a terminal by default.",
)
@click.option(
    "--max-rows",
    type=click.IntRange(1, 100_000),
    default=10_000,
    show_default=True,
    help="Rows to fetch at most.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answer to this file.",
)
@click.option("--list", "wants_list", is_flag=True, help="List the saved queries.")
@click.option("--save", metavar="NAME", help="Check the query and keep it as @NAME.")
@click.option("--replace", is_flag=True, help="Let --save overwrite a query of yours.")
@format_option("parquet")
@api_option
def query_command(
    *,
    text: str | None,
    is_sql: bool,
    file: Any,
    timespan: str | None,
    pairs: tuple[str, ...],
    explain: bool,
    chart: bool | None,
    max_rows: int,
    output: Path | None,
    wants_list: bool,
    save: str | None,
    replace: bool,
    form: str,
    api: str | None,
) -> None:
    """Ask the store in KQL or SQL.

    The question is TEXT, or comes from -f FILE, or from stdin; @NAME is a saved one. Without any,
    on a terminal, a prompt opens. A query that ends in render is drawn as a chart on a terminal.

    A parameter named run, or whose name ends in _run, takes a RUN: an id or the beginning of one,
    a name, @last or @last-failed.

    \b
      stepsight query "traces | where severityLevel >= 2 | take 10" --timespan 1h
      stepsight query "@failures | take 5"
      stepsight query @metrics -p run=@last
      stepsight query --sql "SELECT StepName, count() FROM otel_logs GROUP BY StepName"
    """  # noqa: D301 - \b is click's sign for a paragraph that stays as it is
    options = QueryOptions(
        is_sql, timespan, parse_pairs(pairs), explain, max_rows, form, chart, output
    )
    _check(options)
    if wants_list:
        from stepsight._cli.query_list import print_queries

        print_queries(form)
        return
    if text is None and file is None and not is_sql and save is None and _can_prompt():
        from stepsight._cli.prompt import run_prompt

        run_prompt(make_api(api), _prompt_options(options))
        return
    question = _question(text, file)
    if save is not None:
        _save(save, question, make_api(api), replace=replace)
    else:
        source = file.name if file is not None else source_of(text or "")
        options = dataclasses.replace(options, source=source)
        answer_question(make_api(api), question, options)


def _can_prompt() -> bool:
    return sys.stdin.isatty() and is_terminal()


def _prompt_options(options: QueryOptions) -> QueryOptions:
    """As given, but fewer rows: at a prompt a person reads them."""
    source = click.get_current_context().get_parameter_source("max_rows")
    is_given = source is click.core.ParameterSource.COMMANDLINE
    rows = options.max_rows if is_given else PROMPT_ROWS
    return dataclasses.replace(options, max_rows=rows, more_rows=".rows N")


def _check(options: QueryOptions) -> None:
    """Raise click.UsageError for options that do not go together."""
    if options.is_sql:
        given = {
            "--timespan": options.timespan,
            "--param": options.parameters,
            "--explain": options.explain,
            "--chart": options.chart,
        }
        wrong = [name for name, value in given.items() if value]
        if wrong:
            raise click.UsageError(f"{wrong[0]} is for KQL; it cannot be joined with --sql.")
    if options.chart and options.form != "table":
        raise click.UsageError(f"--chart draws; it cannot be joined with --format {options.form}.")
    if options.explain and options.form not in {"table", "json"}:
        raise click.UsageError(f"--explain is a text or --format json, not {options.form}.")
    if options.form == "parquet":
        from stepsight._cli.parquet import check_installed

        check_installed()
        if options.output is None and is_terminal():
            raise click.UsageError("parquet is not for a terminal: add -o FILE, or use a pipe.")


def _question(text: str | None, file: Any) -> str:
    if text is not None and file is not None:
        raise click.UsageError("give the query as TEXT or with -f FILE, not both.")
    if text is None and file is None and sys.stdin.isatty():
        raise click.UsageError('no query given: stepsight query "traces | take 10".')
    question = text if text is not None else (file or sys.stdin).read()
    if not question.strip():
        raise click.UsageError("the query is empty.")
    return str(question) if text is None else expand(text)


def _save(name: str, question: str, api: Api, *, replace: bool) -> None:
    """Keep a query that compiles; with no collector to ask, it is kept unchecked."""
    try:
        found = api.check(question)
    except UnreachableError as exc:
        click.echo(f"{exc.format_message()} The query is not checked.", err=True)
    else:
        if found["diagnostics"]:
            raise BadQueryError(found["diagnostics"][0]["message"], found["report"])
    path = save_query(name.removeprefix("@"), question, replace=replace)
    click.echo(f"saved as @{path.stem}: {path}")
