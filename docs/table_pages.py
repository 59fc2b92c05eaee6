"""The page of tables that KQL names, made of the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stepsight_collector.query.catalog import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.schema import Table

__all__ = ["TABLE_PAGES"]

HEAD = """\
# Tables

Made by `make docs` from the catalog that the query compiler reads.

A query in KQL reads the tables below. They are views of the store over the OpenTelemetry tables
(`otel_logs`, `otel_traces`, `otel_metrics_…`), so what any client sent is in them: by OTLP, or by
the protocol of Application Insights ([breeze-mapping.md](breeze-mapping.md)). SQL reads them under
the same names, with the columns `ProjectId`, `RunId`, `StepId` beside those listed.

## What becomes a row of which table

| telemetry | table |
|---|---|
| a log record | `traces` |
| a log record with `exception.type` or `exception.message`; an exception event of a span | \
`exceptions` |
| a log record with an event name, or with `microsoft.custom_event.name` | `customEvents` |
| a log record with `microsoft.availability.name` | `availabilityResults` |
| a span of kind server or consumer, and every step run | `requests` |
| a span of any other kind | `dependencies`; of kind internal with type `InProc` |
| a data point of any metric | `customMetrics` |
| a data point of a metric `process.…` or `system.…`, and `\\category(instance)\\counter` | \
`performanceCounters` |
| what a run says of itself (`stepsight.…` events) | `runEvents`, heartbeats in `heartbeats`; \
an exception that ended a step in `exceptions` too |

Columns of spans are filled from OpenTelemetry's semantic conventions, old names and new, as Azure
Monitor's exporter for Python does it. Events of spans other than exceptions have no row: they are
in `otel_traces`.

## Custom dimensions

`customDimensions` (`Properties`) is run identity (`parent_run_id`, `step_id`, `step_name`,
`experiment_name`, `run_type`, `run_url`, `build_url`, `build_version`, of the record, else of its
resource) and the record's attributes. Values are text; nested ones are JSON text. Attributes that
other columns show are left out: `ai.…`, `exception.type|message|stacktrace`,
`microsoft.availability.…`, `microsoft.custom_measurements`, and `stepsight.item.…`, `.sample.…`,
`.exception.…`, `.page.…`, `.result.…`, `.request.…`, `.dependency.…`, `.metric.…`. On log records
`Level` and `level` both answer, with the attribute of that name, else of the other, else the
severity text.

`parent_run_id`, `step_id`, `step_name`, `experiment_name`, `run_type`, `Level` and `level` are
columns of their own in the store, so conditions on them are fast. So is `timestamp`, and
`operation_Id` and `has` on a message use an index.

## Names of workspaces

"""


def tables_page() -> str:
    """The page of tables and columns."""
    pairs = [
        f"| `{table.name}` | {table.description} |\n"
        for table in SCHEMA.tables.values()
        if table.time_column == "TimeGenerated"
    ]
    intro = "Under these names the same rows have the columns of workspace-based resources.\n\n"
    head = f"{HEAD}{intro}| table | holds |\n|---|---|\n{''.join(pairs)}\n"
    return head + "\n".join(_section(table) for table in SCHEMA.tables.values())


def _section(table: Table) -> str:
    rows = "".join(
        f"| `{column.name}` | {column.type.value} | {column.description} |\n"
        for column in table.columns
    )
    head = f"## {table.name}\n\n{table.description}\n\n"
    return f"{head}| column | type | means |\n|---|---|---|\n{rows}"


TABLE_PAGES: dict[Path, Callable[[], str]] = {
    Path(__file__).parent / "reference" / "tables.md": tables_page
}
