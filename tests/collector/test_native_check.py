"""The native library beside what it stands for: protobuf's parser and zlib."""

from __future__ import annotations

import random
import shutil
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mutations import mutated
from stepsight_collector import native
from stepsight_collector.errors import MalformedError
from stepsight_collector.native import appender, library
from stepsight_collector.receivers.check import Checked, _parsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.wal import Signal

needs_library = pytest.mark.skipif(
    shutil.which("cargo") is None, reason="the native library is built where there is a cargo"
)
pytestmark = needs_library
LARGE = 1 << 30


def fill_resource(resource: Any) -> None:
    resource.schema_url = "https://opentelemetry.io/schemas/1.30.0"
    resource.resource.attributes.add(key="service.name").value.string_value = "träin"
    resource.resource.entity_refs.add(type="host", id_keys=["host.id"])


def fill_attributes(owner: Any) -> None:
    values: tuple[tuple[str, Any], ...] = (
        ("string_value", "é" * 200), ("bool_value", True), ("int_value", -7),
        ("double_value", 0.1), ("bytes_value", b"\xff\x00"),
    )  # fmt: skip
    for name, value in values:
        setattr(owner.attributes.add(key=name).value, name, value)


def logs() -> bytes:
    request = ExportLogsServiceRequest()
    fill_resource(resource := request.resource_logs.add())
    for number in range(3):
        record = resource.scope_logs.add().log_records.add(
            time_unix_nano=number, severity_number=9, severity_text="INFO", event_name="e",
            trace_id=bytes(16), flags=1, dropped_attributes_count=300,
        )  # fmt: skip
        record.body.string_value = "line"
        fill_attributes(record)
    return request.SerializeToString()


def traces() -> bytes:
    request = ExportTraceServiceRequest()
    fill_resource(resource := request.resource_spans.add())
    for _ in range(3):
        scope: Any = resource.scope_spans.add()
        span = scope.spans.add(name="fit", trace_state="a=b", kind=3, flags=1)
        span.status.message, span.status.code = "no", 2
        fill_attributes(span)
        fill_attributes(span.events.add(name="exception", time_unix_nano=5))
        fill_attributes(span.links.add(trace_id=bytes(16), flags=1))
    return request.SerializeToString()


def metrics() -> bytes:
    request = ExportMetricsServiceRequest()
    fill_resource(resource := request.resource_metrics.add())
    scope = resource.scope_metrics.add()
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        metric = scope.metrics.add(name="loss", unit="1")
        metric.metadata.add(key="k").value.string_value = "v"
        point: Any = getattr(metric, kind).data_points.add(time_unix_nano=9, flags=1)
        fill_attributes(point)
        if kind in {"gauge", "sum"}:
            point.as_int = -5
            fill_exemplar(point)
        elif kind == "histogram":
            point.bucket_counts.extend([1, 2, 3])
            point.explicit_bounds.extend([0.5, 1.5])
            fill_exemplar(point)
        elif kind == "exponential_histogram":
            point.positive.bucket_counts.extend([1, 300, 70_000])
        else:
            point.quantile_values.add(quantile=0.5, value=1.0)
    return request.SerializeToString()


def fill_exemplar(point: Any) -> None:
    exemplar = point.exemplars.add(as_double=0.5, span_id=bytes(8))
    exemplar.filtered_attributes.add(key="k").value.int_value = 1


every_signal = pytest.mark.parametrize(
    ("signal", "build", "records"),
    [("logs", logs, 3), ("traces", traces, 3), ("metrics", metrics, 5)],
)


def test_the_library_was_built() -> None:
    assert native.is_there()


@every_signal
def test_a_usual_request_is_left_to_nobody_else(
    signal: Signal, build: Callable[[], bytes], records: int
) -> None:
    assert native.check(signal, build(), LARGE) == records
    assert _parsed(signal, build()) == Checked(records, nested=False)


@every_signal
def test_what_it_is_sure_of_is_what_the_parser_says(
    signal: Signal, build: Callable[[], bytes], records: int
) -> None:
    rng, body, sure = random.Random(7), build(), 0  # noqa: S311 - no secret
    for _ in range(4_000):
        harmed = mutated(rng, body)
        found = native.check(signal, harmed, LARGE)
        if found is not None:
            sure += 1
            assert _parsed(signal, harmed) == Checked(found, nested=False), harmed.hex()

    assert sure > 200  # some mutations change nothing but a text


@every_signal
def test_every_shortened_request_is_judged_as_the_parser_judges_it(
    signal: Signal, build: Callable[[], bytes], records: int
) -> None:
    body = build()
    for length in range(len(body)):
        found = native.check(signal, body[:length], LARGE)
        try:
            parsed = _parsed(signal, body[:length])
        except MalformedError:
            assert found is None
        else:
            assert found in {None, parsed.records}


@given(st.binary(max_size=300))
@settings(max_examples=500)
def test_any_bytes_are_unusual_or_valid(data: bytes) -> None:
    for signal in ("logs", "traces", "metrics"):
        found = native.check(signal, data, LARGE)
        if found is not None:
            assert _parsed(signal, data) == Checked(found, nested=False)


@given(st.binary(max_size=200_000), st.integers(0, 2**32 - 1))
def test_the_checksum_is_zlibs(data: bytes, seed: int) -> None:
    assert native.crc32(data, seed) == zlib.crc32(data, seed)


def test_who_leaves_the_library_out_does_without_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(library, "_brief", library._brief)  # given back after the test
    monkeypatch.setattr(library, "_long", library._long)
    assert appender.is_there()

    native.leave_out()

    assert not native.is_there()
    assert not appender.is_there()
    assert native.check("logs", b"", LARGE) is None
