"""`stepsight query --list`: the saved queries."""

from __future__ import annotations

from typing import Any

import click

from stepsight._cli.fields import QUERY_FIELDS
from stepsight._cli.output import is_terminal, print_rows
from stepsight._cli.query_parameters import Declared, declared_parameters
from stepsight._cli.saved_queries import SavedQuery, list_queries, own_directory
from stepsight._cli.table import Column, print_table

__all__ = ["print_queries"]

OURS = "stepsight"
_COLUMNS = (
    Column("QUERY", lambda row: f"@{row['name']}", lambda _row: "bold"),
    Column("PARAMETERS", lambda row: row["parameters"], lambda _row: "cyan"),
    Column("FROM", lambda row: "" if row["source"] == OURS else row["source"]),
    Column("ANSWERS", lambda row: row["description"], shrinks=True, wraps=9),
)


def print_queries(form: str) -> None:
    """Print every saved query, one line each."""
    if form == "parquet":
        raise click.UsageError("--list is a table, json, jsonl or csv.")
    rows = [_row(query) for query in list_queries()]
    if form != "table":
        print_rows(rows, form, QUERY_FIELDS)
        return
    print_table(rows, _COLUMNS)
    if is_terminal():
        click.echo(f"\nYours are *.kql files in {own_directory()}; --save NAME adds one.", err=True)


def _row(query: SavedQuery) -> dict[str, Any]:
    source = "you, instead of ours" if query.hides else "you" if query.is_own else OURS
    parameters = " ".join(_parameter(each) for each in declared_parameters(query.text))
    return {
        "name": query.name,
        "description": query.description,
        "parameters": parameters,
        "source": source,
        "path": str(query.path),
    }


def _parameter(declared: Declared) -> str:
    return declared.name if declared.default is None else f"{declared.name}={declared.default}"
