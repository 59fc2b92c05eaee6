"""Runs, steps and metric rows as the views show them, from the events and records of
telemetry.md."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from stepsight_collector.receivers.check import REQUEST_TYPES

if TYPE_CHECKING:
    from stepsight_collector.store import Store

SECOND = 1_000_000_000


def set_attributes(target: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        kind = {bool: "bool_value", int: "int_value", float: "double_value"}.get(type(value))
        setattr(target.add(key=key).value, kind or "string_value", value)


def logs_of(run: str, step: str, *records: dict[str, Any], instance: str = "host/1") -> Any:
    request: Any = REQUEST_TYPES["logs"]()
    resource = request.resource_logs.add()
    identity = {"parent_run_id": run, "experiment_name": "exp", "service.instance.id": instance}
    if step:
        identity |= {"step_id": f"{run}-{step}", "step_name": step, "host.name": "host"}
    set_attributes(resource.resource.attributes, identity)
    out = resource.scope_logs.add().log_records
    for values in records:
        record = out.add(
            time_unix_nano=values["time"],
            severity_number=values.get("severity", 9),
            event_name=values.get("event", ""),
            trace_id=b"\x01" * 16,
        )
        record.body.string_value = values.get("body", "")
        set_attributes(record.attributes, values.get("attributes", {}))
    return request


def step_start(at: int, interval_s: float = 5.0) -> dict[str, Any]:
    attributes = {"stepsight.witness": "process", "stepsight.heartbeat.interval_s": interval_s}
    return {"time": at, "event": "stepsight.step.start", "attributes": attributes}


def step_end(
    at: int, status: str = "Completed", witness: str = "process", more: dict[str, Any] | None = None
) -> dict[str, Any]:
    attributes = {"stepsight.witness": witness, "stepsight.status": status, **(more or {})}
    return {"time": at, "event": "stepsight.step.end", "attributes": attributes}


def steps_of(store: Store, project: str, *columns: str) -> list[list[Any]]:
    return store.query(
        f"SELECT {', '.join(columns)} FROM steps WHERE ProjectId = {{p:String}} ORDER BY StartedAt",
        {"p": project},
    ).rows


def runs_of(store: Store, project: str, *columns: str) -> list[list[Any]]:
    return store.query(
        f"SELECT {', '.join(columns)} FROM runs WHERE ProjectId = {{p:String}}", {"p": project}
    ).rows


@pytest.fixture
def now() -> int:
    return time.time_ns()


def test_a_started_step_is_running_while_it_is_heard(
    store: Store, insert: Any, project: str, now: int
) -> None:
    insert("logs", logs_of("r", "train", step_start(now - 2 * SECOND)), received=now)

    assert steps_of(store, project, "StepName", "Status", "EndedAt", "ExitCode") == [
        ["train", "Running", None, None]
    ]
    assert runs_of(store, project, "RunId", "Status", "Steps") == [["r", "Running", 1]]


def test_a_step_that_missed_three_heartbeats_is_not_responding(
    store: Store, insert: Any, project: str, now: int
) -> None:
    start = step_start(now - 60 * SECOND)
    insert("logs", logs_of("r", "train", start), received=now - 20 * SECOND)

    rows = steps_of(store, project, "Status", "startsWith(Cause, 'no heartbeat since')")

    assert rows == [["NotResponding", 1]]
    assert runs_of(store, project, "Status", "startsWith(Cause, 'train: no heartbeat')") == [
        ["NotResponding", 1]
    ]


def test_a_slow_heartbeat_is_judged_by_its_own_interval(
    store: Store, insert: Any, project: str, now: int
) -> None:
    start = step_start(now - 60 * SECOND, interval_s=30.0)
    insert("logs", logs_of("r", "train", start), received=now - 20 * SECOND)

    assert steps_of(store, project, "Status") == [["Running"]]


def test_an_ended_step_has_duration_exit_code_and_counts(
    store: Store, insert: Any, project: str, now: int
) -> None:
    start, end = now - 90 * SECOND, now - 30 * SECOND
    insert("logs", logs_of("r", "train", step_start(start)), received=start)
    insert(
        "logs",
        logs_of(
            "r",
            "train",
            {"time": start + 1, "body": "a"},
            {"time": start + 2, "body": "b", "severity": 13},
            {"time": start + 3, "body": "c", "severity": 17},
            step_end(end, more={"process.exit.code": 0, "stepsight.records.sent": 5}),
        ),
        received=end,
    )

    columns = (
        "Status",
        "DurationS",
        "ExitCode",
        "LogRows",
        "WarningRows",
        "ErrorRows",
        "RecordsSent",
    )
    assert steps_of(store, project, *columns) == [["Completed", 60, 0, 3, 1, 1, 5]]


def test_the_supervisor_is_believed_about_the_end(
    store: Store, insert: Any, project: str, now: int
) -> None:
    outside = {"process.exit.code": 137, "process.exit.signal": "SIGKILL"}
    insert(
        "logs",
        logs_of(
            "r", "train", step_start(now - 9), step_end(now - 3, "Failed", "supervisor", outside)
        ),
    )
    insert(
        "logs", logs_of("r", "train", step_end(now - 1, "Completed", more={"process.exit.code": 0}))
    )

    assert steps_of(store, project, "Status", "ExitCode", "ExitSignal", "Cause") == [
        ["Failed", 137, "SIGKILL", "killed by SIGKILL"]
    ]


def test_a_step_that_starts_again_runs_again(
    store: Store, insert: Any, project: str, now: int
) -> None:
    first = (step_start(now - 9 * SECOND), step_end(now - 8 * SECOND, "Failed"))
    insert("logs", logs_of("r", "train", *first, step_start(now - SECOND)))

    assert steps_of(store, project, "Status", "ExitCode", "Cause") == [["Running", None, ""]]


def test_records_sent_are_counted_once_for_each_process(
    store: Store, insert: Any, project: str, now: int
) -> None:
    def heartbeat(at: int, sent: int) -> dict[str, Any]:
        return {
            "time": at,
            "event": "stepsight.step.heartbeat",
            "attributes": {"stepsight.records.sent": sent},
        }

    insert("logs", logs_of("r", "train", step_start(now - 9), heartbeat(now - 8, 10)))
    insert("logs", logs_of("r", "train", heartbeat(now - 7, 25)))
    insert("logs", logs_of("r", "train", heartbeat(now - 6, 7), instance="host/2"))

    assert steps_of(store, project, "RecordsSent") == [[32]]


def test_the_first_failing_step_is_the_cause_of_a_failed_run(
    store: Store, insert: Any, project: str, now: int
) -> None:
    def failure(kind: str) -> dict[str, Any]:
        return {"exception.type": kind, "exception.message": "no"}

    for offset, step, kind in ((1, "train", "ValueError"), (5, "evaluate", "OSError")):
        at = now + offset * SECOND
        insert(
            "logs",
            logs_of("r", step, step_start(at), step_end(at + SECOND, "Failed", more=failure(kind))),
        )

    columns = ("Status", "StepsFailed", "Cause", "ErrorRows", "OperationId")
    assert runs_of(store, project, *columns) == [
        ["Failed", 2, "train: ValueError: no", 0, "01" * 16]
    ]


def test_a_driver_keeps_its_run_running_between_steps(
    store: Store, insert: Any, project: str, now: int
) -> None:
    run_start = {
        "time": now - 10 * SECOND,
        "event": "stepsight.run.start",
        "attributes": {"stepsight.run.name": "digits", "stepsight.heartbeat.interval_s": 5.0},
    }
    done = (step_start(now - 9 * SECOND), step_end(now - 8 * SECOND))
    insert("logs", logs_of("r", "", run_start))
    insert("logs", logs_of("r", "prepare", *done))

    assert runs_of(store, project, "Name", "Status", "EndedAt", "Steps") == [
        ["digits", "Running", None, 1]
    ]


def test_a_run_without_events_is_unknown_and_still_shown(
    store: Store, insert: Any, project: str, now: int
) -> None:
    insert("logs", logs_of("r", "train", {"time": now, "body": "from any client"}))

    assert runs_of(store, project, "RunId", "Name", "Status", "LogRows") == [
        ["r", "exp", "Unknown", 1]
    ]


def test_identity_on_a_record_wins_over_the_resource(
    store: Store, insert: Any, project: str, now: int
) -> None:
    own = {"time": now, "attributes": {"parent_run_id": "other", "step_id": "mine"}}
    insert("logs", logs_of("r", "train", own))

    rows = store.query(
        "SELECT RunId, StepId, StepName FROM otel_logs WHERE ProjectId = {p:String}", {"p": project}
    ).rows
    assert rows == [["other", "mine", "train"]]


def test_the_same_token_adds_nothing_anywhere(
    store: Store, insert: Any, project: str, now: int
) -> None:
    request = logs_of("r", "train", step_start(now), {"time": now, "body": "x"}, step_end(now + 1))
    for _ in range(3):
        insert("logs", request, token=f"{project}-once", received=now)

    count = store.query(
        "SELECT count() FROM otel_logs WHERE ProjectId = {p:String}", {"p": project}
    )
    assert count.rows == [[3]]
    assert steps_of(store, project, "LogRows") == [[1]]
    assert runs_of(store, project, "LogRows") == [[1]]


def test_metric_rows_keep_every_point_and_text_values(
    store: Store, insert: Any, project: str, now: int
) -> None:
    request: Any = REQUEST_TYPES["metrics"]()
    resource = request.resource_metrics.add()
    set_attributes(resource.resource.attributes, {"parent_run_id": "r", "step_id": "s"})
    scope = resource.scope_metrics.add()
    scope.scope.name = "stepsight.run"
    points = scope.metrics.add(name="loss").gauge.data_points
    for index, value in enumerate((0.5, float("nan"), float("inf"))):
        point = points.add(time_unix_nano=now + index, as_double=value)
        set_attributes(
            point.attributes,
            {"stepsight.metric.index": index, "stepsight.metric.kind": "scalar"},
        )
    text = points.add(time_unix_nano=now + 9, flags=1)
    set_attributes(text.attributes, {"stepsight.metric.index": 3, "stepsight.metric.text": "good"})

    insert("metrics", request)

    rows = store.query(
        "SELECT Name, Kind, SeriesIndex, Value, Text FROM run_metrics "
        "WHERE ProjectId = {p:String} ORDER BY SeriesIndex",
        {"p": project},
    ).rows
    assert rows == [
        ["loss", "scalar", 0, 0.5, ""],
        ["loss", "scalar", 1, "NaN", ""],
        ["loss", "scalar", 2, "Infinity", ""],
        ["loss", "", 3, "NaN", "good"],
    ]
    assert runs_of(store, project, "MetricRows") == [[4]]


def test_tags_keep_their_last_value(store: Store, insert: Any, project: str, now: int) -> None:
    def tag(at: int, value: str) -> dict[str, Any]:
        attributes = {"stepsight.tag.key": "model", "stepsight.tag.value": value}
        return {"time": at, "event": "stepsight.run.tag", "attributes": attributes}

    insert("logs", logs_of("r", "train", tag(now, "a")))
    insert("logs", logs_of("r", "train", tag(now + 1, "b")))

    rows = store.query(
        "SELECT Key, Value FROM run_tags FINAL WHERE ProjectId = {p:String}", {"p": project}
    ).rows
    assert rows == [["model", "b"]]
