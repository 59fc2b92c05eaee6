"""`stepsight schema`: the tables that KQL knows, and the columns of one."""

from __future__ import annotations

import difflib
from typing import Any

import click

from stepsight._cli.errors import CliError
from stepsight._cli.fields import SCHEMA_COLUMN_FIELDS, SCHEMA_TABLE_FIELDS
from stepsight._cli.options import api_option, format_option, make_api
from stepsight._cli.output import print_rows
from stepsight._cli.progress import progress
from stepsight._cli.table import Column, print_table

__all__ = ["print_columns", "print_tables", "schema_command"]

_TABLES = (
    Column("TABLE", lambda row: row["table"], lambda _row: "bold"),
    Column("COLUMNS", lambda row: str(row["columns"]), right=True),
    Column("HOLDS", lambda row: row["description"], shrinks=True, wraps=9),
)
_COLUMNS = (
    Column("COLUMN", lambda row: row["column"], lambda _row: "bold"),
    Column("TYPE", lambda row: row["type"], lambda _row: "cyan"),
    Column("HOLDS", lambda row: row["description"], shrinks=True, wraps=9),
)


@click.command("schema")
@click.argument("table", metavar="[TABLE]", required=False)
@format_option()
@api_option
def schema_command(*, table: str | None, form: str, api: str | None) -> None:
    """List the tables and columns that KQL knows.

    Without TABLE the tables, with it the columns of one.
    """
    with progress("Asking the collector for its tables"):
        tables = make_api(api).get("schema")["tables"]
    if table is None:
        print_tables(tables, form)
    else:
        print_columns(tables, table, form)


def print_tables(tables: list[dict[str, Any]], form: str = "table") -> None:
    """Print every table, one line each."""
    rows = [
        {
            "table": table["name"],
            "columns": len(table["columns"]),
            "description": table["description"],
        }
        for table in tables
    ]
    if form == "table":
        print_table(rows, _TABLES)
    else:
        print_rows(rows, form, SCHEMA_TABLE_FIELDS)


def print_columns(tables: list[dict[str, Any]], name: str, form: str = "table") -> None:
    """Print the columns of a table. Raises CliError if there is none of that name."""
    found = next((table for table in tables if table["name"] == name), None)
    if found is None:
        known = {table["name"].lower(): table["name"] for table in tables}
        nearest = difflib.get_close_matches(name.lower(), known, 1)
        hint = f"Did you mean {known[nearest[0]]}? " if nearest else ""
        raise CliError(f'there is no table "{name}".', f"{hint}stepsight schema lists them.")
    rows = [
        {
            "table": found["name"],
            "column": column["name"],
            "type": column["type"],
            "description": column["description"],
        }
        for column in found["columns"]
    ]
    if form == "table":
        print_table(rows, _COLUMNS)
    else:
        print_rows(rows, form, SCHEMA_COLUMN_FIELDS)
