"""The fields of row objects that `--format json`, `jsonl` and `csv` print, in this order.

Stable: fields are added at the end, never renamed. docs/reference/cli.md is made from ROWS.
Meanings: docs/reference/api.md.
"""

from __future__ import annotations

__all__ = [
    "ARTIFACT_FIELDS",
    "CHECK_FIELDS",
    "LOG_FIELDS",
    "METRIC_FIELDS",
    "POINT_FIELDS",
    "QUERY_FIELDS",
    "ROWS",
    "RUN_FIELDS",
    "SCHEMA_COLUMN_FIELDS",
    "SCHEMA_TABLE_FIELDS",
    "SPAN_FIELDS",
    "STEP_FIELDS",
]

RUN_FIELDS = (
    "run_id",
    "name",
    "experiment_name",
    "status",
    "started_at",
    "ended_at",
    "duration_s",
    "last_heard_at",
    "steps",
    "steps_failed",
    "log_rows",
    "warning_rows",
    "error_rows",
    "metric_rows",
    "operation_id",
    "cause",
    "first_record_at",
    "last_record_at",
)
STEP_FIELDS = (
    "run_id",
    "step_id",
    "step_name",
    "status",
    "started_at",
    "ended_at",
    "duration_s",
    "last_heard_at",
    "exit_code",
    "exit_signal",
    "cause",
    "host",
    "log_rows",
    "warning_rows",
    "error_rows",
    "metric_rows",
    "memory_peak_bytes",
    "records_sent",
    "records_dropped",
    "operation_id",
)
LOG_FIELDS = (
    "timestamp",
    "severity",
    "level",
    "message",
    "event",
    "step_name",
    "step_id",
    "logger",
    "stream",
    "trace_id",
    "span_id",
    "attributes",
)
ARTIFACT_FIELDS = (
    "name",
    "kind",
    "step_name",
    "step_id",
    "timestamp",
    "media_type",
    "size_bytes",
    "sha256",
    "path",
    "omitted",
    "description",
    "artifact_id",
)
METRIC_FIELDS = (
    "step_name",
    "step_id",
    "name",
    "column",
    "kind",
    "points",
    "first",
    "last",
    "min",
    "max",
    "last_text",
)
POINT_FIELDS = (
    "step_name",
    "step_id",
    "name",
    "column",
    "kind",
    "index",
    "timestamp",
    "value",
    "text",
)
SPAN_FIELDS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "depth",
    "name",
    "kind",
    "started_at",
    "duration_ms",
    "status",
    "status_message",
    "service",
    "step_name",
    "step_id",
    "run_id",
    "log_rows",
    "attributes",
    "events",
)
QUERY_FIELDS = ("name", "description", "parameters", "source", "path")
SCHEMA_TABLE_FIELDS = ("table", "columns", "description")
SCHEMA_COLUMN_FIELDS = ("table", "column", "type", "description")
CHECK_FIELDS = ("section", "name", "state", "value", "source", "advice")

ROWS = (
    ("runs", "one run", RUN_FIELDS),
    ("show", "one step run of the run", STEP_FIELDS),
    ("logs", "one log row, oldest first", LOG_FIELDS),
    ("metrics RUN", "one series", METRIC_FIELDS),
    ("metrics RUN NAME", "one point", POINT_FIELDS),
    ("artifacts", "one image, document, file or folder", ARTIFACT_FIELDS),
    ("trace", "one span, parents before their children", SPAN_FIELDS),
    ("query", "one row of the answer", ()),
    ("query --list", "one saved query", QUERY_FIELDS),
    ("schema", "one table; `columns` is their number", SCHEMA_TABLE_FIELDS),
    ("schema TABLE", "one column", SCHEMA_COLUMN_FIELDS),
    ("doctor", "one check", CHECK_FIELDS),
)
