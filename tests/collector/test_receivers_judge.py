from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from stepsight_collector.errors import MalformedError, TooLargeError
from stepsight_collector.receivers.judge import Judged, RecordLimits, judge
from stepsight_collector.receivers.split import split_request

if TYPE_CHECKING:
    from stepsight_collector.wal import Signal

pytestmark = pytest.mark.usefixtures("with_and_without_native")

MANY = 10**9


def request(records: int, text: str = "line", resources: int = 1) -> ExportLogsServiceRequest:
    made = ExportLogsServiceRequest()
    for number in range(resources):
        resource = made.resource_logs.add(schema_url=f"resource {number}")
        resource.resource.attributes.add(key="service.name").value.string_value = "train"
        scope = resource.scope_logs.add(schema_url="scope")
        scope.scope.name = "fit"
        for index in range(records):
            scope.log_records.add().body.string_value = f"{text} {index}"
    return made


def bodies(request_bytes: bytes) -> list[str]:
    kept = ExportLogsServiceRequest.FromString(request_bytes)
    return [
        record.body.string_value
        for resource in kept.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
        if (resource.resource.attributes[0].value.string_value, scope.scope.name)
        == ("train", "fit")
    ]


@given(st.integers(1, 300), st.integers(0, 9), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_parts_have_together_what_the_request_has(size: int, records: int, resources: int) -> None:
    body = request(records, resources=resources).SerializeToString()

    parts = list(split_request(body, size, MANY))

    assert bodies(b"".join(part.encode() for part in parts)) == bodies(body)
    assert sum(map(len, parts)) == records * resources
    assert all(part.resource and part.scope for part in parts)


@given(st.binary(max_size=200))
def test_any_bytes_are_split_or_malformed(data: bytes) -> None:
    try:
        parts = list(split_request(data, 10, MANY))
    except MalformedError:
        return
    for part in parts:
        part.encode()


def test_a_good_request_is_kept_byte_for_byte_whatever_its_size() -> None:
    for records in (0, 3, 20_000):  # the last one has 1.2 MB and is judged in parts
        body = request(records, "x" * 50).SerializeToString()

        assert judge("logs", body) == Judged(body, records, nested=False)


def test_a_nested_value_in_one_part_of_a_large_request_is_noticed() -> None:
    made = request(20_000, "x" * 50)
    last = made.resource_logs[0].scope_logs[0].log_records[-1]
    last.attributes.add(key="list").value.array_value.values.add().int_value = 1

    assert judge("logs", made.SerializeToString()).nested


@pytest.mark.parametrize("records", [1_000, 20_000])
def test_a_record_that_is_not_utf8_is_left_out_and_the_others_are_kept(records: int) -> None:
    text = "x" * 50
    body = request(records, text).SerializeToString()
    body = body.replace(f"{text} 7".encode(), f"{text} ".encode() + b"\xff", 1)

    judged = judge("logs", body)

    assert (judged.records, judged.rejected) == (records - 1, 1)
    assert "UTF-8" in judged.reason
    expected = [f"{text} {index}" for index in range(records) if index != 7]
    assert bodies(judged.body) == expected


def test_a_request_of_bad_records_alone_is_refused() -> None:
    body = request(5).SerializeToString().replace(b"line", b"l\xffne")

    with pytest.raises(MalformedError, match="UTF-8"):
        judge("logs", body)


@pytest.mark.parametrize("harm", [b"\x0a", b"\x0a\x05\x01", b"\xff" * 12])
def test_a_body_with_broken_framing_is_refused_whole(harm: bytes) -> None:
    with pytest.raises(MalformedError):
        judge("logs", request(5).SerializeToString() + harm)


def test_a_bad_resource_takes_its_own_records_with_it() -> None:
    body = request(3, resources=2).SerializeToString()
    body = body.replace(b"service.name", b"service.nam\xff", 1)

    judged = judge("logs", body)

    assert (judged.records, judged.rejected) == (3, 3)
    assert bodies(judged.body) == ["line 0", "line 1", "line 2"]


def with_list(kind: str, elements: int) -> tuple[Signal, bytes]:
    """A request with a good record and one that has a long list."""
    if kind in {"events", "links"}:
        traces = ExportTraceServiceRequest()
        spans = traces.resource_spans.add().scope_spans.add().spans
        spans.add(name="good")
        span: Any = spans.add(name="long")
        for _ in range(elements):
            getattr(span, kind).add()
        return "traces", traces.SerializeToString()
    made = request(2)
    record = made.resource_logs[0].scope_logs[0].log_records[1]
    if kind == "attributes":
        for _ in range(elements):
            record.attributes.add()
    else:
        values = record.attributes.add(key="list").value.array_value.values
        inner = values.add().array_value.values if kind == "inner values" else values
        for _ in range(elements):
            inner.add()
    return "logs", made.SerializeToString()


@pytest.mark.parametrize("kind", ["attributes", "events", "links", "values", "inner values"])
def test_a_list_may_be_as_long_as_the_limit_and_no_longer(kind: str) -> None:
    limits = RecordLimits(max_elements=50)

    assert judge(*with_list(kind, 50), limits).rejected == 0
    judged = judge(*with_list(kind, 51), limits)

    assert (judged.records, judged.rejected) == (1, 1)
    assert "more than 50 attributes, events, points or list values" in judged.reason


def test_a_million_attributes_are_refused_by_default() -> None:
    with pytest.raises(TooLargeError, match="A record has more than 262144"):
        judge("logs", million_attributes())


def test_a_value_nested_too_deeply_costs_its_record_alone() -> None:
    made = request(2)
    value = made.resource_logs[0].scope_logs[0].log_records[1].body
    for _ in range(60):
        value = value.array_value.values.add()

    judged = judge("logs", made.SerializeToString())

    assert (judged.records, judged.rejected) == (1, 1)
    assert "not a protobuf ExportLogsServiceRequest" in judged.reason


def million_attributes() -> bytes:
    made = ExportLogsServiceRequest()
    record = made.resource_logs.add().scope_logs.add().log_records.add()
    record.attributes.extend([KeyValue()] * 1_000_000)
    return made.SerializeToString()


def test_a_record_may_be_as_large_as_the_limit_and_no_larger() -> None:
    size = len(
        request(1, "x" * 500).resource_logs[0].scope_logs[0].log_records[0].SerializeToString()
    )
    body = request(3).SerializeToString() + request(1, "x" * 500).SerializeToString()

    assert judge("logs", body, RecordLimits(max_record_bytes=size)).rejected == 0
    judged = judge("logs", body, RecordLimits(max_record_bytes=size - 1))

    assert (judged.records, judged.rejected) == (3, 1)
    assert f"A record has {size} bytes, the limit is {size - 1}" in judged.reason


@pytest.mark.parametrize("records", [11, 20_000])
def test_a_request_with_too_many_records_is_refused(records: int) -> None:
    body = request(records, "x" * 50).SerializeToString()

    assert judge("logs", body, RecordLimits(max_records=records)).records == records
    with pytest.raises(TooLargeError, match=f"more than {records - 1} records"):
        judge("logs", body, RecordLimits(max_records=records - 1))


def test_a_request_with_too_many_resources_is_refused() -> None:
    for count in (70_000, 600_000):
        with pytest.raises(TooLargeError, match=r"resources (or|and) scopes"):
            judge("logs", b"\x0a\x00" * count)


def test_a_large_resource_with_many_scopes_is_refused_before_it_costs_minutes() -> None:
    made = ExportLogsServiceRequest()
    resource = made.resource_logs.add()
    resource.resource.attributes.add(key="a").value.string_value = (3 << 20) * "x"
    for _ in range(60):
        resource.scope_logs.add().log_records.add()
    body = made.SerializeToString()

    assert judge("logs", body).records == 60
    for _ in range(65_000):
        resource.scope_logs.add()
    with pytest.raises(TooLargeError, match="each counted once for every scope"):
        judge("logs", made.SerializeToString())
