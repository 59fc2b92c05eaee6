"""Rows of the tables that KQL names, with the columns that the catalog names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kql_data import PROJECT
from stepsight_collector.query.catalog import SCHEMA

if TYPE_CHECKING:
    from stepsight_collector.store import Store

__all__ = ["row_at", "rows_of"]


def rows_of(store: Store, table: str, project: str = PROJECT) -> list[dict[str, Any]]:
    """Every row of a table, by time."""
    found = SCHEMA.tables[table]
    names = ", ".join(f"`{column.name}`" for column in found.columns)
    return store.query(
        f"SELECT {names} FROM {found.source} WHERE {found.project_column} = {{p:String}} "
        f"ORDER BY {found.time_column}, itemId",
        {"p": project},
    ).dicts()


def row_at(store: Store, table: str, time: str) -> dict[str, Any]:
    """The one row of a time, which is the beginning of its text."""
    [row] = [row for row in rows_of(store, table) if row["timestamp"].startswith(time.rstrip("Z"))]
    return row
