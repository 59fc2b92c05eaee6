from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.clients.conftest import Collector

PROPERTIES = {"parent_run_id": "legacy-run", "step_id": "legacy-step"}
TAGS = {
    "ai.location.ip": "192.0.2.7",
    "ai.operation.id": "job 7",
    "ai.operation.name": "nightly",
    "ai.operation.parentId": "|job.1.",
    "ai.session.id": "a session",
    "ai.user.id": "someone",
}


def test_every_track_call_is_stored_with_all_that_it_was_given(collector: Collector) -> None:
    collector.run("legacy.py", collector.key, collector.http)

    logs = collector.dicts(
        "Body, SeverityNumber, EventName, LogAttributes AS attributes",
        "otel_logs",
        "LogAttributes['stepsight.item.type'], Body",
    )
    by_kind = {row["attributes"].get("stepsight.item.type", row["Body"]): row for row in logs}
    exception = by_kind.pop("exception")
    stack = exception["attributes"].pop("exception.stacktrace")
    exception["attributes"].pop("stepsight.exception.details")

    assert by_kind == {
        "a line": {
            "Body": "a line",
            "SeverityNumber": 17,
            "EventName": "",
            "attributes": {**TAGS, **PROPERTIES},
        },
        "through logging": {
            "Body": "through logging",
            "SeverityNumber": 13,
            "EventName": "",
            "attributes": {
                **by_kind["through logging"]["attributes"],
                "level": "WARNING",
                "fileName": "legacy.py",
                "module": "legacy",
                "process": "MainProcess",
            },
        },
        "customEvent": {
            "Body": "",
            "SeverityNumber": 0,
            "EventName": "done",
            "attributes": {
                **TAGS,
                **PROPERTIES,
                "stepsight.item.type": "customEvent",
                "microsoft.custom_measurements": '{"rows":12.5}',
            },
        },
        "pageView": {
            "Body": "home",
            "SeverityNumber": 0,
            "EventName": "",
            "attributes": {
                **TAGS,
                **PROPERTIES,
                "stepsight.item.type": "pageView",
                "stepsight.page.url": "http://h/home",
                "stepsight.item.duration_ms": "1500",
                "microsoft.custom_measurements": '{"w":1}',
            },
        },
    }
    assert exception["attributes"] == {
        **TAGS,
        **PROPERTIES,
        "stepsight.item.type": "exception",
        "exception.type": "KeyError",
        "exception.message": "'k'",
        "microsoft.custom_measurements": '{"m":1}',
    }
    assert "in main" in stack


def test_requests_and_dependencies_keep_ids_of_any_form(collector: Collector) -> None:
    collector.run("legacy.py", collector.key, collector.http)

    spans = collector.dicts(
        "SpanName, SpanKind, Duration, StatusCode, length(TraceId) AS digits, "
        "ParentSpanId != '' AS has_parent, SpanAttributes",
        "otel_traces",
        "Timestamp",
    )
    request, dependency = spans
    resource = collector.dicts("ResourceAttributes", "otel_traces", "Timestamp")[0]

    assert request == {
        "SpanName": "GET /p",
        "SpanKind": "Server",
        "Duration": 1_234_000_000,
        "StatusCode": "Error",
        "digits": 32,
        "has_parent": 1,
        "SpanAttributes": {
            **TAGS,
            **PROPERTIES,
            "stepsight.item.id": "my request",
            "stepsight.result.code": "503",
            "stepsight.request.url": "http://h/p",
            "microsoft.custom_measurements": '{"bytes":9}',
        },
    }
    assert dependency == {
        "SpanName": "SELECT",
        "SpanKind": "Client",
        "Duration": 5_000_000,
        "StatusCode": "Unset",
        "digits": 32,
        "has_parent": 1,
        "SpanAttributes": {
            **TAGS,
            **PROPERTIES,
            "stepsight.item.id": "my dependency",
            "stepsight.result.code": "0",
            "stepsight.dependency.type": "SQL",
            "stepsight.dependency.target": "pg|d",
            "stepsight.dependency.data": "select 1",
            "microsoft.custom_measurements": '{"rows":1}',
        },
    }
    assert (
        resource["ResourceAttributes"].items()
        >= {
            "service.version": "1.2.3",
            "ai.device.id": "node-0",
            "ai.device.model": "box",
            "stepsight.instrumentation_key": collector.key,
        }.items()
    )


def test_a_plain_metric_is_a_gauge_and_an_aggregate_a_histogram(collector: Collector) -> None:
    collector.run("legacy.py", collector.key, collector.http)

    gauges = collector.dicts("MetricName, Value, RunId", "otel_metrics_gauge", "MetricName")
    histograms = collector.dicts(
        "MetricName, Count, Sum, Min, Max, Attributes['stepsight.metric.std_dev'] AS deviation",
        "otel_metrics_histogram",
        "MetricName",
    )

    assert gauges == [{"MetricName": "loss", "Value": 0.25, "RunId": "legacy-run"}]
    assert histograms == [
        {"MetricName": "size", "Count": 4, "Sum": 40, "Min": 5, "Max": 20, "deviation": "2.5"}
    ]
