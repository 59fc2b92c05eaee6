from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.clients.conftest import Collector

LOGS = (
    "Body, SeverityNumber, EventName, ScopeName, TraceId, SpanId, RunId, StepId, "
    "LogAttributes AS attributes"
)
OWN = ("code.file.path", "code.function.name", "code.line.number", "logger_name")


def test_logs_are_stored_with_dimensions_unfolded_from_their_repr(collector: Collector) -> None:
    collector.run("azure_otel.py", collector.connection)

    rows = collector.dicts(LOGS, "otel_logs", "Timestamp")
    epoch, folded, positional, critical, caught, event, ping, inside, *_ = rows
    for row in rows:
        row["attributes"] = {k: v for k, v in row["attributes"].items() if k not in OWN}

    identity = {"parent_run_id": "otel-run", "step_id": "otel-step"}
    assert [row["SeverityNumber"] for row in rows[:5]] == [9, 13, 17, 21, 17]
    assert [row["ScopeName"] for row in rows[:8]] == ["train"] * 8
    assert epoch["attributes"] == {**identity, "n": "3", "flag": "True", "loss": "0.5"}
    assert (epoch["Body"], epoch["RunId"], epoch["StepId"]) == ("epoch 3", "otel-run", "otel-step")
    assert folded["attributes"] == {
        **identity,
        "loss": "nan",
        "low": "-inf",
        "sizes": "[1,2]",
        "quote": 'it\'s "so" \\ \n',
        "none": "",
        "flag": "true",
    }
    assert (folded["RunId"], folded["StepId"]) == ("otel-run", "otel-step")
    assert (positional["Body"], positional["attributes"]) == ("positional dict", {})
    assert critical["Body"] == "critical"
    assert caught["attributes"]["exception.type"] == "ZeroDivisionError"
    assert "ZeroDivisionError: integer" in caught["attributes"]["exception.stacktrace"]
    assert (event["EventName"], event["RunId"]) == ("step_completed", "otel-run")
    assert ping["attributes"] == {
        "stepsight.item.type": "availabilityResult",
        "microsoft.availability.name": "ping",
        "microsoft.availability.id": "a-1",
        "microsoft.availability.success": "true",
        "microsoft.availability.runLocation": "here",
        "microsoft.availability.message": "fine",
        "stepsight.item.duration_ms": "1500",
    }
    assert inside["Body"] == "inside a span"


def test_spans_their_events_and_their_resource_are_stored(collector: Collector) -> None:
    sent = collector.run("azure_otel.py", collector.connection)

    spans = collector.dicts(
        "SpanName, SpanKind, TraceId, SpanId, ParentSpanId, StatusCode, RunId, StepId, "
        "ServiceName, ResourceAttributes['service.namespace'] AS namespace",
        "otel_traces",
        "Timestamp",
    )
    events = [row for row in collector.dicts(LOGS, "otel_logs", "Timestamp")
              if row["Body"] in {"checkpoint", "boom in span"}]  # fmt: skip

    # The identity of the resource comes with `_OTELRESOURCE_`, in the same request.
    common = {
        "TraceId": sent["trace"],
        "RunId": "otel-run",
        "StepId": "",
        "ServiceName": "ml.trainer",
        "namespace": "ml",
        "SpanKind": "Internal",
        "ParentSpanId": sent["server"],
        "StatusCode": "Unset",
    }
    assert spans == [
        {
            **common,
            "SpanName": "GET /p",
            "SpanKind": "Server",
            "SpanId": sent["server"],
            "ParentSpanId": "",
            "StepId": "otel-step",
        },
        {**common, "SpanName": "compute", "SpanId": sent["inner"]},
        {**common, "SpanName": "fails", "SpanId": sent["failing"], "StatusCode": "Error"},
    ]
    assert [(row["Body"], row["SpanId"], row["RunId"]) for row in events] == [
        ("checkpoint", sent["inner"], "otel-run"),
        ("boom in span", sent["failing"], "otel-run"),
    ]


def test_metrics_are_stored_and_what_the_exporter_says_of_itself_is_kept_apart(
    collector: Collector,
) -> None:
    collector.run("azure_otel.py", collector.connection)

    gauges = collector.dicts(
        "MetricName, Value, StepId, ScopeName", "otel_metrics_gauge", "MetricName, Value"
    )
    histograms = collector.dicts(
        "MetricName, Count, Sum, Min, Max, RunId, StepId", "otel_metrics_histogram", "MetricName"
    )

    assert [row for row in gauges if not row["ScopeName"]] == [
        {"MetricName": "lr", "Value": 0.001, "StepId": "", "ScopeName": ""},
        {"MetricName": "rows", "Value": 7, "StepId": "otel-step", "ScopeName": ""},
    ]
    assert {row["MetricName"] for row in gauges if row["ScopeName"]} == {
        "_OTELRESOURCE_",
        "Item_Success_Count",
    }
    assert {row["ScopeName"] for row in gauges} == {"", "stepsight.breeze.internal"}
    assert histograms == [
        {
            "MetricName": "loss",
            "Count": 3,
            "Sum": 0.85,
            "Min": 0.1,
            "Max": 0.5,
            "RunId": "otel-run",
            "StepId": "otel-step",
        }
    ]


def test_live_metrics_come_while_somebody_watches(collector: Collector) -> None:
    def streams() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = collector.get(collector.ui + "/api/live")["streams"]
        return [each for each in found if each["role"] == "live-trainer" and each["samples"]]

    streams()  # from now on somebody watches
    client = collector.start("azure_live.py", collector.connection)
    collector.wait_for(streams)
    [stream] = streams()
    _, complaints = client.communicate("", timeout=30)

    sample = stream["samples"][0]
    assert json.dumps(sample["metrics"]).count("Bytes") >= 1
    assert stream["machine"]
    assert "Traceback" not in complaints
