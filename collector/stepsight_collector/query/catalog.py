"""What may be asked: every table of the store that KQL names, as `kql.schema` describes them.

Data only. `make docs` makes docs/reference/tables.md of it; a test compares it with the views.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from stepsight_collector.kql.schema import Schema
from stepsight_collector.query.catalog_items import item_tables
from stepsight_collector.query.catalog_runs import run_tables
from stepsight_collector.store.view_columns import view_columns

__all__ = ["SCHEMA"]


def _select(source: str, names: frozenset[str]) -> str:
    """The text of a view with these of its columns. The schema's files are read at first use."""
    return view_columns()[source].select(names)


SCHEMA = Schema(
    {
        table.name: replace(table, select=partial(_select, table.source))
        for table in (*item_tables(), *run_tables())
    }
)
