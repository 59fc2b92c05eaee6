"""Answers as clients of Azure Monitor's query API read them: tables, statistics, render.

Source: Azure Monitor, "Response format", "Prefer options"; field names of statistics and render
from the service's answers in the documentation of its clients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from stepsight_collector.api.app_insights_errors import stop_document

if TYPE_CHECKING:
    from stepsight_collector.api.app_insights_request import Preferences
    from stepsight_collector.kql.plan import Compiled, Rendering
    from stepsight_collector.kql.schema import Schema, Table
    from stepsight_collector.query.run import Limits, Result

__all__ = ["answer_document", "metadata_document"]

# What `render` carries when the query does not say; the service sends all of them.
_RENDER: dict[str, object] = {
    "visualization": None,
    "title": None,
    "xColumn": None,
    "series": None,
    "yColumns": None,
    "xTitle": None,
    "yTitle": None,
    "xAxis": None,
    "yAxis": None,
    "legend": None,
    "ySplit": None,
    "accumulate": False,
    "isQuerySorted": False,
    "kind": None,
    "ymin": "NaN",
    "ymax": "NaN",
}
_RENDER_NAMES = {name.lower(): name for name in _RENDER}


def answer_document(
    compiled: Compiled, result: Result, limits: Limits, preferences: Preferences
) -> dict[str, Any]:
    """Return the body of an answer; with an `error` beside the rows if they are not all."""
    document: dict[str, Any] = {
        "tables": [
            {
                "name": "PrimaryResult",
                "columns": [{"name": each.name, "type": each.type} for each in compiled.columns],
                "rows": orjson.Fragment(b"[" + result.rows + b"]"),
            }
        ]
    }
    if preferences.statistics:
        document["statistics"] = _statistics(result)
    if preferences.render:
        document["render"] = _render(compiled.rendering)
    if result.stop is not None:
        document["error"] = stop_document(result.stop, limits.max_rows, limits.max_bytes)
    return document


def _statistics(result: Result) -> dict[str, Any]:
    rows = {"total": result.rows_read, "scanned": result.rows_read}
    return {
        "query": {
            "executionTime": round(result.elapsed_s, 7),
            "resourceUsage": {},
            "inputDatasetStatistics": {"rows": rows, "bytes": {"scanned": result.bytes_read}},
            "datasetStatistics": [
                {"tableRowCount": result.row_count, "tableSize": len(result.rows)}
            ],
        }
    }


def _render(rendering: Rendering | None) -> dict[str, object]:
    if rendering is None:
        return dict(_RENDER)
    given = {
        _RENDER_NAMES.get(name.lower(), name): value for name, value in rendering.properties.items()
    }
    return {**_RENDER, **given, "visualization": rendering.chart}


def metadata_document(schema: Schema, kind: str, project: str) -> dict[str, Any]:
    """Return what may be queried: tables and their columns; `kind` is apps or workspaces."""
    tables = [_table(table) for table in schema.tables.values()]
    owner = {
        "id": project,
        "name": project,
        "resourceId": "",
        "region": "",
        "tables": [table["id"] for table in tables],
    }
    return {"tables": tables, "applications" if kind == "apps" else "workspaces": [owner]}


def _table(table: Table) -> dict[str, Any]:
    return {
        "id": f"t/{table.name}",
        "name": table.name,
        "description": table.description,
        "timespanColumn": table.time_column,
        "columns": [
            {"name": each.name, "type": each.type.value, "description": each.description}
            for each in table.columns
        ],
    }
