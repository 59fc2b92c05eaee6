"""Runs and their steps: the list, one run, and what a person may call a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepsight_collector.api.errors import ApiError, bad_request, not_found
from stepsight_collector.api.parameters import whole_number

if TYPE_CHECKING:
    from stepsight_collector.store import Store

__all__ = ["list_runs", "resolve_run", "show_run"]

STATUSES = (
    "Queued",
    "Running",
    "Completed",
    "Failed",
    "Canceled",
    "NotResponding",
    "Reused",
    "Unknown",
)
MAX_CANDIDATES = 10

_RUN = """
    RunId AS run_id, Name AS name, ExperimentName AS experiment_name, Status AS status,
    StartedAt AS started_at, EndedAt AS ended_at, round(DurationS, 3) AS duration_s, LastHeardAt AS
    last_heard_at,
    Steps AS steps, StepsFailed AS steps_failed, LogRows AS log_rows, WarningRows AS warning_rows,
    ErrorRows AS error_rows, MetricRows AS metric_rows, nullIf(OperationId, '') AS operation_id,
    nullIf(Cause, '') AS cause, FirstRecordAt AS first_record_at, LastRecordAt AS last_record_at
"""
_STEP = """
    StepId AS step_id, StepName AS step_name, Status AS status, StartedAt AS started_at, EndedAt AS
    ended_at,
    round(DurationS, 3) AS duration_s, LastHeardAt AS last_heard_at, ExitCode AS exit_code,
    nullIf(ExitSignal, '') AS exit_signal, nullIf(Cause, '') AS cause, nullIf(Host, '') AS host,
    LogRows AS log_rows,
    WarningRows AS warning_rows, ErrorRows AS error_rows, MetricRows AS metric_rows,
    nullIf(MemoryPeakBytes, 0) AS memory_peak_bytes, RecordsSent AS records_sent, RecordsDropped AS
    records_dropped,
    nullIf(OperationId, '') AS operation_id
"""
_METRIC = """
    any(StepName) AS step_name, StepId AS step_id, Name AS name, ColumnName AS column, any(Kind) AS
    kind, count() AS points,
    argMin(Value, (Timestamp, SeriesIndex)) AS first, argMax(Value, (Timestamp, SeriesIndex)) AS
    last, min(Value) AS min, max(Value) AS max,
    nullIf(argMax(Text, (Timestamp, SeriesIndex)), '') AS last_text,
    arrayMap(point -> point.2, largestTriangleThreeBucketsIf(32)(
        toUnixTimestamp64Nano(Timestamp) / 1e9 + SeriesIndex / 1e9, Value, isFinite(Value)))
        AS sketch
"""


def list_runs(store: Store, project: str, parameters: dict[str, str]) -> dict[str, Any]:
    """The newest runs, newest first."""
    status = parameters.get("status", "")
    if status and status not in STATUSES:
        raise bad_request(f'status must be one of {", ".join(STATUSES)}, got "{status}"')
    answer = store.query(
        f"SELECT {_RUN} FROM runs WHERE ProjectId = {{project:String}} "
        "AND ({experiment:String} = '' OR experiment_name = {experiment:String}) "
        "AND ({status:String} = '' OR status = {status:String}) "
        "ORDER BY started_at DESC LIMIT {limit:UInt32}",
        {
            "project": project,
            "experiment": parameters.get("experiment", ""),
            "status": status,
            "limit": whole_number(parameters, "limit", default=50, maximum=10_000),
        },
    )
    return {"runs": answer.dicts()}


def show_run(store: Store, project: str, parameters: dict[str, str]) -> dict[str, Any]:
    """One run with its steps, its metrics in short, and its tags."""
    run = resolve_run(store, project, parameters["run"])
    key = {"project": project, "run": run["run_id"]}
    where = "ProjectId = {project:String} AND RunId = {run:String}"
    steps = store.query(
        f"SELECT {_STEP} FROM steps WHERE {where} ORDER BY started_at, step_id", key
    )
    metrics = store.query(
        f"SELECT {_METRIC} FROM run_metrics WHERE {where} GROUP BY StepId, Name, ColumnName "
        "ORDER BY min(Timestamp), name, column",
        key,
    )
    tags = store.query(
        f"SELECT Key, Value FROM run_tags FINAL WHERE {where} ORDER BY Timestamp", key
    )
    artifacts = store.query(
        f"SELECT count() FROM otel_logs WHERE {where} AND EventName = 'stepsight.run.artifact'", key
    )
    return {
        "run": run,
        "steps": steps.dicts(),
        "metrics": metrics.dicts(),
        "tags": dict(tags.rows),
        "artifacts": artifacts.rows[0][0],
    }


def resolve_run(store: Store, project: str, reference: str) -> dict[str, Any]:
    """The run that a person means: an id, a prefix of one, a name, `@last` or `@last-failed`.

    Raises ApiError: `not_found`, or `ambiguous` with candidates when a prefix fits several runs.
    """
    if reference in {"@last", "@last-failed"}:
        return _last(store, project, failed=reference == "@last-failed")
    found = _matching(store, project, reference)
    exact = [run for run in found if run["run_id"] == reference]
    named = [run for run in found if run["name"] == reference]
    chosen = exact or named[:1] or found
    if not chosen:
        raise not_found(
            f'no run has the id, id prefix or name "{reference}"', "stepsight runs lists the runs."
        )
    if len(chosen) > 1:
        raise ApiError(
            409,
            "ambiguous",
            f'"{reference}" fits {"more than " if len(chosen) > MAX_CANDIDATES else ""}'
            f"{min(len(chosen), MAX_CANDIDATES)} runs",
            "Give more of the id.",
            candidates=[run["run_id"] for run in chosen[:MAX_CANDIDATES]],
        )
    return chosen[0]


def _last(store: Store, project: str, *, failed: bool) -> dict[str, Any]:
    condition = "AND status IN ('Failed', 'NotResponding')" if failed else ""
    rows = store.query(
        f"SELECT {_RUN} FROM runs WHERE ProjectId = {{project:String}} {condition} "
        "ORDER BY started_at DESC LIMIT 1",
        {"project": project},
    ).dicts()
    if not rows:
        what = "no run has failed" if failed else "there are no runs yet"
        raise not_found(
            what, "Start one: stepsight run -- python your_step.py, or see one: stepsight demo."
        )
    return rows[0]


def _matching(store: Store, project: str, reference: str) -> list[dict[str, Any]]:
    # Asked for by its whole id, which tools do, a run is found by the sort key; a prefix or a name
    # is looked for in all runs, which takes 0.1 s for ten thousand of them (bench/query.py).
    exact = store.query(
        f"SELECT {_RUN} FROM runs WHERE ProjectId = {{project:String}} "
        "AND RunId = {reference:String}",
        {"project": project, "reference": reference},
    ).dicts()
    return (
        exact
        or store.query(
            f"SELECT {_RUN} FROM runs WHERE ProjectId = {{project:String}} "
            "AND (startsWith(run_id, {reference:String}) OR name = {reference:String}) "
            "ORDER BY run_id = {reference:String} DESC, name = {reference:String} DESC, "
            f"started_at DESC LIMIT {MAX_CANDIDATES + 1}",
            {"project": project, "reference": reference},
        ).dicts()
    )
