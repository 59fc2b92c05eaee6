"""`stepsight query`: a question to the store; its answer as a table, rows or parquet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.options import api_option, format_option, make_api
from stepsight._cli.output import is_terminal, print_rows
from stepsight._cli.progress import progress
from stepsight._cli.table import Column, print_table
from stepsight._cli.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["query_command"]

NUMBERS = ("Int", "UInt", "Float", "Decimal", "Nullable(Int", "Nullable(UInt", "Nullable(Float")


@click.command("query")
@click.argument("text", required=False, metavar="[TEXT]")
@click.option("--sql", "is_sql", is_flag=True, help="TEXT is SQL, as ClickHouse speaks it.")
@click.option(
    "-f", "--file", type=click.File(encoding="utf-8"), help="Read TEXT from FILE; - is stdin."
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
@format_option("parquet")
@api_option
def query_command(
    *,
    text: str | None,
    is_sql: bool,
    file: Any,
    max_rows: int,
    output: Path | None,
    form: str,
    api: str | None,
) -> None:
    """Ask the store in SQL.

    The question is TEXT, or comes from -f FILE, or from stdin: one statement that reads (SELECT,
    WITH, SHOW, DESCRIBE, EXPLAIN). SHOW TABLES names the tables.

    \b
      stepsight query --sql "SELECT StepName, count() FROM otel_logs GROUP BY StepName"
    """  # noqa: D301 - \b is click's sign for a paragraph that stays as it is
    if not is_sql:
        raise click.UsageError("this version asks in SQL only: add --sql.")
    question = _question(text, file)
    if form == "parquet":
        _check_parquet(output)
    with progress("Asking the store"):
        answer = make_api(api).query(question, max_rows)
    writer = _writer(answer, form)
    if output is None:
        writer(sys.stdout)
    else:
        _write_file(output, writer, form)
    if answer["truncated"]:
        click.echo(
            f"Only the first {max_rows:,} rows were fetched; --max-rows N fetches more.", err=True
        )


def _question(text: str | None, file: Any) -> str:
    if text is not None and file is not None:
        raise click.UsageError("give the query as TEXT or with -f FILE, not both.")
    if text is None and file is None and sys.stdin.isatty():
        raise click.UsageError('no query given: stepsight query --sql "SHOW TABLES".')
    question = text if text is not None else (file or sys.stdin).read()
    if not question.strip():
        raise click.UsageError("the query is empty.")
    return str(question)


def _writer(answer: dict[str, Any], form: str) -> Callable[[Any], None]:
    """What writes the answer to a stream: text, or bytes for parquet."""
    names = _unique([column["name"] for column in answer["columns"]])
    rows = answer["rows"]
    if form == "parquet":
        from stepsight._cli.parquet import write_parquet

        types = [column["type"] for column in answer["columns"]]
        return lambda stream: write_parquet(names, types, rows, getattr(stream, "buffer", stream))
    if form == "table":
        return lambda stream: _print_table(answer, names, stream)
    return lambda stream: print_rows(
        (dict(zip(names, row, strict=True)) for row in rows), form, names, stream
    )


def _unique(names: list[str]) -> list[str]:
    """Column names as keys: a second `count()` is called `count()_2`, so that none gets lost."""
    seen: dict[str, int] = {}
    for n, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            names[n] = f"{name}_{seen[name]}"
    return names


def _write_file(output: Path, writer: Callable[[Any], None], form: str) -> None:
    try:
        if form == "parquet":
            with output.open("wb") as stream:
                writer(stream)
        else:
            with output.open("w", encoding="utf-8") as text_stream:
                writer(text_stream)
    except OSError as exc:
        raise click.FileError(str(output), exc.strerror or "cannot be written") from exc


def _print_table(answer: dict[str, Any], names: list[str], stream: Any) -> None:
    def column(n: int, name: str, kind: str) -> Column:
        return Column(name, lambda row: _cell(row[n]), right=kind.startswith(NUMBERS), shrinks=True)

    kinds = [column["type"] for column in answer["columns"]]
    columns = [
        column(n, name, kind) for n, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    if answer["rows"]:
        print_table(answer["rows"], columns, keep_empty=True, stream=stream)
    else:
        click.echo("  ".join(names), file=stream)
    if is_terminal() and stream is sys.stdout:
        statistics = answer["statistics"]
        click.echo(
            f"{len(answer['rows']):,} rows in {duration(statistics['elapsed_s'])}, "
            f"{statistics['rows_read']:,} rows read",
            err=True,
        )


def _cell(value: object) -> str:
    if isinstance(value, (dict, list)):
        import json

        return json.dumps(value, ensure_ascii=False)
    return "NULL" if value is None else str(value)


def _check_parquet(output: Path | None) -> None:
    from stepsight._cli.parquet import check_installed

    check_installed()
    if output is None and is_terminal():
        raise click.UsageError("parquet is not for a terminal: add -o FILE, or use a pipe.")
