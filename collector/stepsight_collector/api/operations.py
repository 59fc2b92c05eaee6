"""One operation end to end: its spans and the log rows that belong to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stepsight_collector.api.errors import ApiError, bad_request, not_found
from stepsight_collector.api.logs import LOG_COLUMNS

if TYPE_CHECKING:
    from stepsight_collector.store import Store

__all__ = ["show_operation"]

MAX_SPANS = 10_000
MAX_LOGS = 5_000
_PREFIX = re.compile(r"[0-9a-f]{6,32}\Z")
_SPAN = """
    TraceId AS trace_id, SpanId AS span_id, nullIf(ParentSpanId, '') AS parent_span_id, SpanName AS
    name, SpanKind AS kind,
    Timestamp AS started_at, Duration / 1e6 AS duration_ms, StatusCode AS status,
    nullIf(StatusMessage, '') AS status_message,
    ServiceName AS service, nullIf(StepName, '') AS step_name, nullIf(StepId, '') AS step_id,
    nullIf(RunId, '') AS run_id,
    SpanAttributes AS attributes,
    arrayMap((t, n, a) -> CAST((t, n, a), 'Tuple(timestamp DateTime64(9), name String, attributes
    Map(String, String))'),
        Events.Timestamp, Events.Name, Events.Attributes) AS events
"""


def show_operation(store: Store, project: str, parameters: dict[str, str]) -> dict[str, Any]:
    """The spans of an operation in order of start, and its log rows oldest first."""
    operation, start, end = _resolve(store, project, parameters["id"].lower())
    arguments = {"project": project, "id": operation, "start": start, "end": end}
    where = (
        "ProjectId = {project:String} AND TraceId = {id:String} "
        "AND Timestamp BETWEEN {start:DateTime64(9)} - INTERVAL 1 HOUR "
        "AND {end:DateTime64(9)} + INTERVAL 1 HOUR"
    )
    spans = store.query(
        f"SELECT {_SPAN} FROM otel_traces WHERE {where} "
        f"ORDER BY started_at, duration_ms DESC LIMIT 1 BY span_id LIMIT {MAX_SPANS}",
        arguments,
    )
    logs = store.query(
        f"SELECT {LOG_COLUMNS} FROM otel_logs WHERE {where} ORDER BY timestamp LIMIT {MAX_LOGS}",
        arguments,
    )
    return {"operation_id": operation, "spans": spans.dicts(), "logs": logs.dicts()}


def _resolve(store: Store, project: str, prefix: str) -> tuple[str, str, str]:
    if not _PREFIX.match(prefix):
        raise bad_request(
            f'an operation id is 6 to 32 hex digits, got "{prefix}"',
            "stepsight show RUN names the operation of a run.",
        )
    rows = store.query(
        "SELECT TraceId, toString(min(Start)), toString(max(End) + 1) FROM otel_traces_trace_id_ts "
        "WHERE ProjectId = {project:String} AND startsWith(TraceId, {prefix:String}) "
        "GROUP BY TraceId LIMIT 11",
        {"project": project, "prefix": prefix},
    ).rows
    if not rows:
        raise not_found(
            f'no operation has the id "{prefix}"',
            "An operation appears when its first span has ended.",
        )
    if len(rows) > 1:
        candidates = sorted(row[0] for row in rows)
        raise ApiError(
            409,
            "ambiguous",
            f'"{prefix}" fits {len(rows)} operations',
            "Give more of the id.",
            candidates[:10],
        )
    return rows[0][0], rows[0][1], rows[0][2]
