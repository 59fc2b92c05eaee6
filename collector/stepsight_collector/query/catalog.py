"""What may be asked: every table of the store that KQL names, as `kql.schema` describes them.

Data only. `make docs` makes docs/reference/tables.md of it; a test compares it with the views.
"""

from __future__ import annotations

from stepsight_collector.kql.schema import Schema
from stepsight_collector.query.catalog_items import item_tables
from stepsight_collector.query.catalog_runs import run_tables

__all__ = ["SCHEMA"]

SCHEMA = Schema({table.name: table for table in (*item_tables(), *run_tables())})
