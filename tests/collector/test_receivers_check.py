from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stepsight_collector.errors import MalformedError
from stepsight_collector.receivers import check as module
from stepsight_collector.receivers.check import Checked, check

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from stepsight_collector.wal import Signal

pytestmark = pytest.mark.usefixtures("with_and_without_native")

FEW, MANY = 2, 400  # looked at exactly, wrapped


def logs(records: int) -> tuple[ExportLogsServiceRequest, Any]:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for number in range(records):
        record = scope.log_records.add(severity_text="INFO")
        record.body.string_value = f"line {number} *2*2"
        record.attributes.add(key="source").value.string_value = "blob"
    return request, record


def traces(records: int) -> tuple[ExportTraceServiceRequest, Any]:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(records):
        span = scope.spans.add(name=f"span {number}")
        span.attributes.add(key="rows").value.int_value = number
    return request, span


def metrics(records: int) -> tuple[ExportMetricsServiceRequest, Any]:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    for number in range(records):
        point = scope.metrics.add(name=f"loss {number}").gauge.data_points.add(as_double=0.5)
        point.attributes.add(key="step").value.int_value = number
    return request, point


SIGNALS: list[tuple[Signal, Callable[[int], tuple[Message, Any]]]] = [
    ("logs", logs),
    ("traces", traces),
    ("metrics", metrics),
]
every_signal = pytest.mark.parametrize(("signal", "build"), SIGNALS)
every_size = pytest.mark.parametrize("records", [FEW, MANY])


@every_signal
@every_size
def test_flat_records_are_counted_and_not_nested(
    signal: Signal, build: Callable[[int], tuple[Message, Any]], records: int
) -> None:
    request, _ = build(records)

    assert check(signal, request.SerializeToString()) == Checked(records, nested=False)


@every_signal
@every_size
@pytest.mark.parametrize("kind", ["array_value", "kvlist_value"])
def test_one_list_or_map_makes_a_request_nested_even_when_empty(
    signal: Signal, build: Callable[[int], tuple[Message, Any]], records: int, kind: str
) -> None:
    request, last = build(records)
    getattr(last.attributes.add(key="nested").value, kind).SetInParent()

    assert check(signal, request.SerializeToString()) == Checked(records, nested=True)


@every_size
@pytest.mark.parametrize("place", ["resource", "scope", "body"])
def test_nested_values_of_resources_and_scopes_and_bodies_are_found(
    records: int, place: str
) -> None:
    request, last = logs(records)
    resource = request.resource_logs[0]
    owners: dict[str, Any] = {"resource": resource.resource, "scope": resource.scope_logs[0].scope}
    value = last.body if place == "body" else owners[place].attributes.add().value
    value.array_value.values.add().string_value = "x"

    assert check("logs", request.SerializeToString()) == Checked(records, nested=True)


def test_attributes_of_span_events_are_no_nested_values() -> None:
    request, span = traces(MANY)
    span.events.add(name="exception").attributes.add(key="t").value.string_value = "ValueError"

    assert check("traces", request.SerializeToString()) == Checked(MANY, nested=False)


def test_large_flat_requests_are_parsed_once() -> None:
    """The wrapping is what makes the check cheap; without it only time would tell."""
    for signal, build in SIGNALS:
        shape = module._shapes()[signal]

        assert shape.is_wrapping_sound
        assert shape.parse_flat(build(MANY)[0].SerializeToString()) is not None


def test_an_empty_body_is_an_empty_request() -> None:
    assert check("logs", b"") == Checked(0, nested=False)


@every_size
def test_text_that_is_not_utf8_is_malformed(records: int) -> None:
    body = logs(records)[0].SerializeToString().replace(b"line 1 ", b"line \xff ")

    with pytest.raises(MalformedError, match=r"ExportLogsServiceRequest: .*UTF-8"):
        check("logs", body)


@every_size
def test_a_body_that_ends_early_is_malformed(records: int) -> None:
    with pytest.raises(MalformedError):
        check("logs", logs(records)[0].SerializeToString()[:-3])


def test_harm_inside_a_nested_value_is_malformed() -> None:
    request, last = logs(FEW)
    last.attributes.add(key="n").value.array_value.values.add().string_value = "abc"
    body = request.SerializeToString().replace(b"\x0a\x03abc", b"\x0a\x03\xff\xff\xff")

    with pytest.raises(MalformedError):
        check("logs", body)


@pytest.mark.parametrize("levels", [50, 5_000])
def test_a_body_cannot_leave_the_groups_it_is_wrapped_in(levels: int) -> None:
    with pytest.raises(MalformedError):
        check("logs", b"\x0c" * levels + b"\x0b" * levels)


@given(st.binary(max_size=100), st.sampled_from([0, 5_000]))
def test_any_bytes_are_judged_as_the_generated_parser_judges_them(data: bytes, pad: int) -> None:
    padding = b"\xfa\x3f" + bytes((pad & 0x7F | 0x80, pad >> 7)) + bytes(pad) if pad else b""
    try:
        ExportLogsServiceRequest.FromString(padding + data)
    except Exception:  # noqa: BLE001 - DecodeError of whichever backend
        with pytest.raises(MalformedError):
            check("logs", padding + data)
    else:
        check("logs", padding + data)
