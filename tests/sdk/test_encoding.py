"""The hand-written encoder against opentelemetry-proto's own classes."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stepsight._otlp import (
    LogItem,
    MetricItem,
    SpanItem,
    encode_request,
    encode_resource,
    varint,
)

RESOURCE = encode_resource({"service.name": "train", "process.pid": 7})
TRACE, SPAN, PARENT = bytes(range(16)), bytes(range(8)), bytes(range(1, 9))

texts = st.text(max_size=40)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


def plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


def sent_log(**changes: Any) -> Any:
    fields: dict[str, Any] = {
        "time_unix_nano": 5,
        "severity": 9,
        "level": "INFO",
        "body": "hello",
        "scope": "app",
        "attributes": {},
        "trace_id": TRACE,
        "span_id": SPAN,
    }
    request = encode_request("logs", RESOURCE, [LogItem(**{**fields, **changes})])
    parsed = ExportLogsServiceRequest.FromString(request)
    return parsed.resource_logs[0].scope_logs[0].log_records[0]


@given(st.dictionaries(st.text(min_size=1, max_size=20), values, max_size=5))
def test_every_attribute_value_comes_back(attributes: dict[str, Any]) -> None:
    record = sent_log(attributes=attributes)

    assert {item.key: plain(item.value) for item in record.attributes} == attributes


@given(st.integers(0, 2**64 - 1))
def test_a_varint_is_protobufs(number: int) -> None:
    encoded = varint(number)

    decoded = sum((byte & 0x7F) << (7 * index) for index, byte in enumerate(encoded))
    assert (decoded, encoded[-1] < 0x80) == (number, True)


def test_a_log_record_has_every_field() -> None:
    record = sent_log(event="stepsight.step.start")

    assert (
        record.time_unix_nano,
        record.observed_time_unix_nano,
        record.severity_number,
        record.severity_text,
        record.body.string_value,
        record.trace_id,
        record.span_id,
        record.event_name,
    ) == (5, 5, 9, "INFO", "hello", TRACE, SPAN, "stepsight.step.start")


def test_a_lone_surrogate_is_escaped_not_refused() -> None:
    assert sent_log(body="a\ud800b").body.string_value == "a\\ud800b"


def test_an_empty_body_is_an_empty_text() -> None:
    assert sent_log(body="").body.WhichOneof("value") == "string_value"


def test_a_number_over_64_bits_and_a_stranger_become_text() -> None:
    class Stranger:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    record = sent_log(attributes={"big": 2**70, "stranger": Stranger(), "set": {1}})

    assert {item.key: plain(item.value) for item in record.attributes} == {
        "big": str(2**70),
        "stranger": "<Stranger whose text failed: RuntimeError>",
        "set": [1],
    }


def test_a_value_that_holds_itself_ends_somewhere() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert sent_log(attributes={"loop": loop}).attributes[0].key == "loop"


def test_records_of_a_scope_keep_their_order() -> None:
    items = [
        LogItem(index, 9, "INFO", str(index), "ab"[index % 2], {}, TRACE, SPAN)
        for index in range(10)
    ]
    parsed = ExportLogsServiceRequest.FromString(encode_request("logs", RESOURCE, items))

    [resource] = parsed.resource_logs
    assert {
        scope.scope.name: [record.body.string_value for record in scope.log_records]
        for scope in resource.scope_logs
    } == {"a": ["0", "2", "4", "6", "8"], "b": ["1", "3", "5", "7", "9"]}


def test_metric_points_keep_nan_infinity_and_absence() -> None:
    items = [
        MetricItem(index, "loss", value, {"stepsight.metric.index": index})
        for index, value in enumerate([math.nan, math.inf, None, 0.0])
    ]
    parsed = ExportMetricsServiceRequest.FromString(encode_request("metrics", RESOURCE, items))

    [metric] = parsed.resource_metrics[0].scope_metrics[0].metrics
    points = metric.gauge.data_points
    assert [
        (repr(point.as_double), point.WhichOneof("value"), point.flags) for point in points
    ] == [
        ("nan", "as_double", 0),
        ("inf", "as_double", 0),
        ("0.0", None, 1),
        ("0.0", "as_double", 0),
    ]


def test_a_span_has_every_field() -> None:
    item = SpanItem("fit", TRACE, SPAN, PARENT, 10, 20, 2, 2, "boom", {"k": "v"})
    parsed = ExportTraceServiceRequest.FromString(encode_request("traces", RESOURCE, [item]))

    [span] = parsed.resource_spans[0].scope_spans[0].spans
    assert (
        span.name,
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.kind,
        span.status.code,
        span.status.message,
        [(item.key, plain(item.value)) for item in span.attributes],
    ) == ("fit", TRACE, SPAN, PARENT, 10, 20, 2, 2, "boom", [("k", "v")])


def test_the_resource_stands_in_every_request() -> None:
    for signal, kind, name in (
        ("logs", ExportLogsServiceRequest, "resource_logs"),
        ("metrics", ExportMetricsServiceRequest, "resource_metrics"),
        ("traces", ExportTraceServiceRequest, "resource_spans"),
    ):
        parsed: Any = kind.FromString(encode_request(signal, RESOURCE, []))
        [resource] = getattr(parsed, name)
        assert {item.key: plain(item.value) for item in resource.resource.attributes} == {
            "service.name": "train",
            "process.pid": 7,
        }
