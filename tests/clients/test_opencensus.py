from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.clients.conftest import Collector

LOGS = (
    "Body, SeverityNumber, SeverityText, EventName, TraceId, SpanId, RunId, StepId, StepName, "
    "ExperimentName, LogAttributes AS attributes"
)


def as_stored(dimensions: dict[str, Any]) -> dict[str, str]:
    """What a map of text holds of JSON values; names that the mapping uses are escaped."""
    stored = {}
    for key, value in dimensions.items():
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        name = f"stepsight.property.{key}" if key.startswith("ai.") else key
        stored[name] = "" if value is None else text
    return stored


def test_every_field_of_a_log_call_with_custom_dimensions_is_stored(collector: Collector) -> None:
    sent = collector.run("opencensus_logs.py", collector.connection)

    rows = [row for row in collector.dicts(LOGS, "otel_logs", "Timestamp, SeverityNumber")
            if row["Body"].startswith("epoch")]  # fmt: skip
    lines = {row["attributes"].pop("lineNumber") for row in rows}

    levels = (("DEBUG", 5), ("INFO", 9), ("WARNING", 13), ("ERROR", 17), ("CRITICAL", 21))
    assert len(lines) == 1
    assert [{key: row[key] for key in row if key != "TraceId"} for row in rows] == [
        {
            "Body": f"epoch 3 at {level}",
            "SeverityNumber": number,
            "SeverityText": level,
            "EventName": "",
            "SpanId": "",
            "RunId": "oc-run",
            "StepId": "oc-step",
            "StepName": "train",
            "ExperimentName": "digits",
            "attributes": {
                **as_stored(sent["dimensions"]),
                "level": level,
                "module": "opencensus_logs",
                "process": "MainProcess",
                "fileName": sent["file"],
            },
        }
        for level, number in levels
    ]


def test_exceptions_events_and_logs_in_spans_are_stored(collector: Collector) -> None:
    sent = collector.run("opencensus_logs.py", collector.connection)

    rows = collector.dicts(LOGS, "otel_logs", "Timestamp")
    _, caught, inside, event = rows[-4:]
    attributes = caught["attributes"]
    frame = json.loads(attributes["stepsight.exception.details"])[0]["parsedStack"][0]

    assert (
        attributes.items()
        >= {
            **sent["identity"],
            "stepsight.item.type": "exception",
            "exception.type": "ValueError",
            "exception.message": caught["Body"],
        }.items()
    )
    assert caught["Body"].startswith("caught\nTraceback")
    assert frame["fileName"] == sent["file"]
    assert attributes["exception.stacktrace"] == (
        f'  File "{sent["file"]}", line {frame["line"]}, in main'
    )
    assert [inside["TraceId"], inside["SpanId"]] == sent["context"]
    assert event["EventName"] == "step_completed"
    assert event["attributes"] == {
        **sent["identity"],
        "stepsight.item.type": "customEvent",
        "microsoft.custom_measurements": '{"rows":12.5,"files":3}',
    }


def test_a_run_of_a_log_handler_alone_shows_in_runs_as_unknown(collector: Collector) -> None:
    collector.run("opencensus_logs.py", collector.connection)

    rows = collector.rows(
        "SELECT Status, ExperimentName, least(ErrorRows, 1) FROM runs WHERE RunId = 'oc-run'"
    )

    assert rows == [["Unknown", "digits", 1]]


def test_a_positional_dict_is_dropped_by_this_client_and_its_message_is_kept(
    collector: Collector,
) -> None:
    collector.run("opencensus_logs.py", collector.connection)

    [row] = [row for row in collector.dicts(LOGS, "otel_logs", "Timestamp")
             if row["Body"] == "positional dict"]  # fmt: skip

    assert (row["SeverityNumber"], row["StepId"]) == (17, "")


def test_statsbeat_is_accepted_counted_and_not_stored(collector: Collector) -> None:
    collector.run("opencensus_logs.py", collector.connection)

    stored = collector.rows("SELECT count() FROM otel_metrics_gauge WHERE MetricName = 'Attach'")

    assert stored == [[0]]
    assert collector.counter("stepsight_breeze_discarded_items_total") > 0


def test_spans_are_stored_with_kind_parent_result_and_identity(collector: Collector) -> None:
    sent = collector.run("opencensus_spans.py", collector.connection)

    rows = collector.dicts(
        "SpanName, SpanKind, TraceId, SpanId, ParentSpanId, StatusCode, RunId, StepId, "
        "SpanAttributes",
        "otel_traces",
        "Timestamp",
    )

    common = {"TraceId": sent["trace"], "RunId": "", "StepId": ""}
    assert rows == [
        {
            **common,
            "SpanName": "GET /p",
            "SpanKind": "Server",
            "SpanId": sent["server"],
            "ParentSpanId": "",
            "StatusCode": "Unset",
            "RunId": "oc-run",
            "StepId": "oc-step",
            "SpanAttributes": {
                "ai.operation.name": "GET /p",
                "stepsight.result.code": "200",
                "stepsight.request.url": "http://h/p?q=1",
                "request.name": "GET /p",
                "request.url": "http://h/p?q=1",
                "step_id": "oc-step",
                "parent_run_id": "oc-run",
            },
        },
        {
            **common,
            "SpanName": "GET /p",
            "SpanKind": "Client",
            "SpanId": sent["client"],
            "ParentSpanId": sent["server"],
            "StatusCode": "Error",
            "SpanAttributes": {
                "stepsight.result.code": "503",
                "stepsight.dependency.type": "HTTP",
                "stepsight.dependency.target": "h2",
                "stepsight.dependency.data": "http://h2/p",
                "component": "HTTP",
            },
        },
        {
            **common,
            "SpanName": "compute",
            "SpanKind": "Internal",
            "SpanId": sent["inner"],
            "ParentSpanId": sent["server"],
            "StatusCode": "Unset",
            "SpanAttributes": {
                "stepsight.result.code": "0",
                "stepsight.dependency.type": "INPROC",
                "rows": "5",
            },
        },
    ]


def test_metrics_are_stored_and_performance_counters_are_marked(collector: Collector) -> None:
    collector.run("opencensus_spans.py", collector.connection)

    rows = collector.dicts(
        "MetricName, Value, StepId, Attributes", "otel_metrics_gauge", "MetricName"
    )
    counters = [row for row in rows if row["MetricName"].startswith("\\")]
    own = {str(row) for row in rows if row not in counters}

    # The exporter's own timer may have sent the same values before the script did.
    loss = {"StepId": "oc-step", "Attributes": {"step_id": "oc-step"}}
    assert own == {
        str({"MetricName": "loss_view", "Value": 0.25, **loss}),
        str({"MetricName": "rows_sum", "Value": 7, "StepId": "", "Attributes": {}}),
    }
    assert all(
        row["Attributes"] == {"stepsight.item.type": "performanceCounter"} for row in counters
    )
