"""One question and its answer: asked, and printed as a table, a chart, rows or an explanation."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.errors import BadQueryError
from stepsight._cli.output import is_terminal
from stepsight._cli.progress import progress
from stepsight._cli.query_parameters import resolve_parameters
from stepsight._cli.report import diagnostic_text
from stepsight._cli.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from stepsight._cli.api import Api

__all__ = ["QueryOptions", "answer_question", "source_of"]


@dataclass(frozen=True)
class QueryOptions:
    """How a question is asked, and what becomes of its answer.

    `chart` None draws on a terminal. `more_rows` is how a person asks for more of them,
    `source` what errors call the query.
    """

    is_sql: bool = False
    timespan: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    explain: bool = False
    max_rows: int = 10_000
    form: str = "table"
    chart: bool | None = None
    output: Path | None = None
    more_rows: str = "--max-rows N"
    source: str = "query"


def source_of(text: str) -> str:
    """What errors call a question: the saved query that it is, or just so."""
    return text.split(maxsplit=1)[0] if text.startswith("@") else "query"


def answer_question(api: Api, question: str, options: QueryOptions) -> None:
    """Ask, and print the answer, its warnings and what was left out."""
    try:
        with progress("Asking the store"):
            answer = _ask(api, question, options)
    except BadQueryError as exc:
        exc.source = options.source
        raise
    _say_warnings(answer)
    _write(answer, options)
    if answer["truncated"]:
        click.echo(_why_cut(answer, options), err=True)


def _ask(api: Api, question: str, options: QueryOptions) -> dict[str, Any]:
    answer: dict[str, Any]
    if options.is_sql:
        answer = api.query(question, options.max_rows)
    else:
        answer = api.kql(
            question,
            options.max_rows,
            timespan=options.timespan,
            parameters=resolve_parameters(question, options.parameters, api),
            explain=options.explain,
        )
    return answer


def _why_cut(answer: dict[str, Any], options: QueryOptions) -> str:
    """What is missing of an answer: rows over the limit, or what a limit of the collector took."""
    partial = answer.get("partial")
    if partial and len(answer["rows"]) < options.max_rows:
        return f"The answer is not whole: {one_line(partial['message'])}"
    rows = f"Only the first {options.max_rows:,} rows were fetched"
    return f"{rows}; {options.more_rows} fetches more."


def _say_warnings(answer: dict[str, Any]) -> None:
    for warning in answer.get("warnings", ()):
        click.echo(f"Warning: {diagnostic_text(warning)}", err=True)


def _write(answer: dict[str, Any], options: QueryOptions) -> None:
    from stepsight._cli.answer import print_statistics, write_file, writer

    if options.explain:
        from stepsight._cli.query_explain import explain_writer

        write = explain_writer(answer, options.form)
    elif _is_drawn(answer, options):
        from stepsight._cli.chart import chart_writer

        write = chart_writer(answer)
    else:
        write = writer(answer, options.form)
    if options.output is not None:
        write_file(options.output, write, options.form)
        return
    write(sys.stdout)
    if options.form == "table" and not options.explain and is_terminal():
        sys.stdout.flush()
        print_statistics(answer)


def _is_drawn(answer: dict[str, Any], options: QueryOptions) -> bool:
    """Whether the answer becomes a chart: the query says so, and a person looks or asks for it."""
    if options.form != "table" or answer.get("render") is None:
        if options.chart:
            raise click.UsageError("--chart draws what the query renders; it has no render.")
        return False
    to_terminal = options.output is None and is_terminal()
    return to_terminal if options.chart is None else options.chart
