"""A run's log rows, oldest first, with a cursor for those who follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepsight_collector.api.errors import bad_request
from stepsight_collector.api.parameters import minimum_severity, since, whole_number
from stepsight_collector.api.runs import resolve_run

if TYPE_CHECKING:
    from stepsight_collector.store import Store

__all__ = ["LOG_COLUMNS", "log_conditions", "log_values", "run_logs"]

LOG_COLUMNS = """
    Timestamp AS timestamp, SeverityNumber AS severity, SeverityText AS level, Body AS message,
    nullIf(EventName, '') AS event,
    StepName AS step_name, StepId AS step_id, ScopeName AS logger,
    nullIf(LogAttributes['log.iostream'], '') AS stream,
    nullIf(TraceId, '') AS trace_id, nullIf(SpanId, '') AS span_id, LogAttributes AS attributes
"""
# Rows become visible in the order in which the collector received them, so the time of receipt is
# the cursor.
_CURSOR = "toUnixTimestamp64Nano(ReceivedTimestamp)"

# A day after it is no time that the engine can hold.
LAST_YEAR = "2262"
# Every 5 s from every step, and pieces of images: nothing to read in them.
_UNREADABLE = "('stepsight.step.heartbeat', 'stepsight.run.heartbeat', 'stepsight.run.part')"


def run_logs(store: Store, project: str, parameters: dict[str, str]) -> dict[str, Any]:
    """The newest `limit` rows, or with `after` the rows that arrived since that cursor."""
    run = resolve_run(store, project, parameters["run"])
    limit = whole_number(parameters, "limit", default=1000, maximum=100_000)
    after = parameters.get("after", "")
    if after and not after.isdecimal():
        raise bad_request(f'after must be a cursor from an earlier answer, got "{after}"')
    order = f"{_CURSOR}, Timestamp" if after else "Timestamp DESC"
    rows = store.query(
        f"SELECT {LOG_COLUMNS}, {_CURSOR} AS cursor FROM otel_logs "
        f"WHERE {log_conditions(run, parameters)} ORDER BY {order} LIMIT {{limit:UInt32}}"
        + (" WITH TIES" if after else ""),
        log_values(project, run, parameters) | {"limit": limit if after else limit + 1},
    ).dicts()
    truncated = len(rows) > limit and not after
    rows = rows[:limit] if truncated else rows
    cursor = max((row.pop("cursor") for row in rows), default=int(after or 0))
    rows.sort(key=lambda row: row["timestamp"])
    return {"rows": rows, "cursor": str(cursor), "run": run, "truncated": truncated}


def log_values(project: str, run: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """The values of the placeholders in `log_conditions`."""
    return {
        "project": project,
        "run": run["run_id"],
        "first": _bound(run["first_record_at"]),
        "last": _bound(run["last_record_at"]),
        "step": parameters.get("step", ""),
        "severity": minimum_severity(parameters),
        "since": since(parameters),
        "grep": parameters.get("grep", ""),
        "stream": parameters.get("stream", ""),
        "after": int(parameters.get("after") or 0),
    }


def log_conditions(run: dict[str, Any], parameters: dict[str, str]) -> str:
    """What rows of a run are asked for, with placeholders for `log_values`."""
    # Each condition stands there only when asked for, so that the engine can use its indexes.
    conditions = [
        "ProjectId = {project:String}",
        "RunId = {run:String}",
        # A day more, for records that come in between: only the partitions are meant.
        "Timestamp >= {first:DateTime64(9)} - INTERVAL 1 DAY",
        f"EventName NOT IN {_UNREADABLE}",
    ]
    optional = {
        "step": "(StepName = {step:String} OR StepId = {step:String})",
        "level": "SeverityNumber >= {severity:UInt8}",
        "since": "Timestamp >= {since:DateTime64(9)}",
        "grep": "positionCaseInsensitiveUTF8(Body, {grep:String}) > 0",
        "stream": "LogAttributes['log.iostream'] = {stream:String}",
        "after": "ReceivedTimestamp > fromUnixTimestamp64Nano({after:Int64})",
    }
    if not parameters.get("after") and run["last_record_at"] < LAST_YEAR:
        conditions.append("Timestamp <= {last:DateTime64(9)} + INTERVAL 1 DAY")
    conditions += [condition for name, condition in optional.items() if parameters.get(name)]
    return " AND ".join(conditions)


def _bound(timestamp: str) -> str:
    return timestamp.replace("T", " ").rstrip("Z")
