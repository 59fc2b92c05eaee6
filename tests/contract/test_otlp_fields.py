"""An OTLP request with every field of the proto set comes back from the store field by field.

The requests are built from the descriptors, so a field that a later opentelemetry-proto adds makes
these tests fail
until the schema holds it.
"""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from stepsight_collector.receivers.check import REQUEST_TYPES

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from stepsight_collector.store import Store
    from stepsight_collector.wal import Signal

GOLDEN = Path(__file__).parents[1] / "golden" / "otlp"
START_NANO = 1_790_000_000_000_000_000  # 2026-09-21
TABLES: dict[Signal, tuple[str, ...]] = {
    "logs": ("otel_logs",),
    "traces": ("otel_traces",),
    "metrics": (
        "otel_metrics_gauge",
        "otel_metrics_sum",
        "otel_metrics_histogram",
        "otel_metrics_exponential_histogram",
        "otel_metrics_summary",
    ),
}
# Indexes into a string table that only the profiles signal has; opentelemetry-proto: "must not be
# used" elsewhere.
PROFILES_ONLY = {"key_strindex", "string_value_strindex"}


class Filler:
    """Sets every field of a message; `leaves` are (path, text) pairs of which each text is
    unique."""

    def __init__(self) -> None:
        self.leaves: list[tuple[str, str]] = []
        self._numbers = itertools.count(1001)

    def fill(self, message: Message, path: str = "", depth: int = 0) -> None:
        for field in message.DESCRIPTOR.fields:
            if field.name in PROFILES_ONLY:
                continue
            oneof = field.containing_oneof
            if oneof is not None and len(oneof.fields) > 1 and not self._is_chosen(message, field):
                continue
            here = f"{path}.{field.name}".lstrip(".")
            if field.message_type is None:
                self._set(message, field, here)
            elif field.message_type.name == "AnyValue":
                self._set_value(getattr(message, field.name), here, depth)
            elif field.is_repeated:
                self.fill(getattr(message, field.name).add(), here, depth + 1)
            else:
                getattr(message, field.name).SetInParent()
                self.fill(getattr(message, field.name), here, depth + 1)

    def _is_chosen(self, message: Message, field: Any) -> bool:
        # Metric.data: each kind gets a metric of its own, made by the caller. Values: doubles here,
        # ints below.
        return field.name in {"as_double", getattr(self, "kind", "")}

    def _set(self, message: Message, field: Any, path: str) -> None:
        number = next(self._numbers)
        value: Any = number
        text = str(number)
        if field.name.endswith("time_unix_nano"):
            value = START_NANO + number
            text = f".00000{number}Z"
        elif field.type == FieldDescriptor.TYPE_STRING:
            value = text = f"{path}:{number}"
        elif field.type == FieldDescriptor.TYPE_BYTES:
            value = number.to_bytes(16 if "trace_id" in field.name else 8, "big")
            text = value.hex()
        elif field.type == FieldDescriptor.TYPE_ENUM:
            value, text = 2, ""
        elif field.type == FieldDescriptor.TYPE_BOOL:
            value, text = True, ""
        elif field.type in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}:
            value = number + 0.5
            text = str(value)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
        if text:
            self.leaves.append((path, text))

    def _set_value(self, value: Any, path: str, depth: int) -> None:
        """A nested value with every kind of AnyValue in it, three levels deep."""
        number = next(self._numbers)
        items = value.kvlist_value.values
        for key, attribute, content in (
            ("s", "string_value", f"{path}:{number}"),
            ("i", "int_value", -(2**62) - number),
            ("d", "double_value", number + 0.25),
            ("b", "bool_value", True),
            ("y", "bytes_value", b"\x00\xff"),
        ):
            item = items.add()
            item.key = key
            setattr(item.value, attribute, content)
        deep = items.add()
        deep.key = "deep"
        inner = deep.value.array_value.values.add().kvlist_value.values.add()
        inner.key = "deeper"
        inner.value.array_value.values.add().string_value = f"bottom:{number}"
        items.add().key = "unset"
        self.leaves += [
            (path, f"{path}:{number}"),
            (path, str(-(2**62) - number)),
            (path, f"{number}.25"),
            (path, f"bottom:{number}"),
        ]


def full_request(signal: Signal) -> tuple[Message, list[tuple[str, str]]]:
    filler = Filler()
    request: Any = REQUEST_TYPES[signal]()
    if signal != "metrics":
        filler.fill(request)
        return request, filler.leaves
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        filler.kind = kind  # type: ignore[attr-defined]
        part: Any = REQUEST_TYPES[signal]()
        filler.fill(part)
        request.MergeFrom(part)
    return request, filler.leaves


def rows_of(store: Store, table: str, project: str) -> list[dict[str, Any]]:
    # A span's end is stored as its duration.
    end = ", addNanoseconds(Timestamp, toInt64(Duration)) AS EndTime" if "traces" in table else ""
    return store.query(
        f"SELECT *{end} FROM {table} WHERE ProjectId = {{project:String}}", {"project": project}
    ).dicts()


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics"])
def test_every_field_of_the_proto_comes_back(
    signal: Signal, store: Store, insert: Any, project: str, golden: Any
) -> None:
    request, leaves = full_request(signal)

    insert(signal, request, received=START_NANO)

    stored = {table: rows_of(store, table, project) for table in TABLES[signal]}
    text = json.dumps(stored, indent=1, ensure_ascii=False, sort_keys=True)
    plain = text.replace('\\"', '"')
    missing = [(path, leaf) for path, leaf in leaves if leaf not in plain]
    assert missing == []
    golden(GOLDEN / f"{signal}.json", text + "\n")


def test_integer_points_keep_all_their_digits(store: Store, insert: Any, project: str) -> None:
    request: Any = REQUEST_TYPES["metrics"]()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="big")
    metric.gauge.data_points.add(as_int=2**53 + 1, time_unix_nano=START_NANO)

    insert("metrics", request)

    rows = rows_of(store, "otel_metrics_gauge", project)
    assert [row["IntValue"] for row in rows] == [2**53 + 1]


def test_absent_optional_fields_stay_absent(store: Store, insert: Any, project: str) -> None:
    request: Any = REQUEST_TYPES["metrics"]()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="h")
    metric.histogram.data_points.add(count=2, time_unix_nano=START_NANO)
    metric.histogram.data_points.add(count=2, sum=0.0, min=0.0, max=0.0, time_unix_nano=START_NANO)

    insert("metrics", request)

    rows = store.query(
        "SELECT Sum, Min, Max FROM otel_metrics_histogram "
        "WHERE ProjectId = {p:String} ORDER BY Sum",
        {"p": project},
    ).rows
    assert rows == [[0, 0, 0], [None, None, None]]


def test_plain_attribute_values_of_every_type_become_text(
    store: Store, insert: Any, project: str
) -> None:
    request: Any = REQUEST_TYPES["logs"]()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START_NANO)
    for key, attribute, value in (
        ("string", "string_value", "grüße\n"),
        ("empty", "string_value", ""),
        ("int", "int_value", -5),
        ("double", "double_value", 0.1),
        ("nan", "double_value", float("nan")),
        ("true", "bool_value", True),
        ("false", "bool_value", False),
        ("bytes", "bytes_value", b"\x00\xff"),
    ):
        setattr(record.attributes.add(key=key).value, attribute, value)
    record.attributes.add(key="unset")

    insert("logs", request)

    assert [row["LogAttributes"] for row in rows_of(store, "otel_logs", project)] == [
        {
            "string": "grüße\n",
            "empty": "",
            "int": "-5",
            "double": "0.1",
            "nan": "nan",
            "true": "true",
            "false": "false",
            "bytes": "AP8=",
            "unset": "",
        }
    ]


def test_a_record_without_a_time_gets_the_observed_one_then_the_received_one(
    store: Store, insert: Any, project: str
) -> None:
    request: Any = REQUEST_TYPES["logs"]()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(observed_time_unix_nano=START_NANO + 1)
    records.add()
    records.add(time_unix_nano=2**64 - 1)

    insert("logs", request, received=START_NANO + 2)

    rows = store.query(
        "SELECT Timestamp FROM otel_logs WHERE ProjectId = {p:String} ORDER BY Timestamp",
        {"p": project},
    ).rows
    assert rows == [
        ["2026-09-21T14:13:20.000000001Z"],
        ["2026-09-21T14:13:20.000000002Z"],
        ["2262-04-11T23:47:16.854775807Z"],
    ]


@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 129, 130, 254, 255, 16_383, 16_384, 2**21])
def test_text_of_every_length_comes_back(
    length: int, store: Store, insert: Any, project: str
) -> None:
    # Around each length at which protobuf spends one more byte on the length.
    text = (
        ("0123456789ü" * (length // 12 + 1)).encode()[:length].decode("utf-8", "replace")[:length]
    )
    request: Any = REQUEST_TYPES["logs"]()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START_NANO)
    record.body.string_value = text
    record.attributes.add(key="text").value.string_value = text
    record.attributes.add(key="bytes").value.bytes_value = text.encode()

    insert("logs", request)

    [row] = rows_of(store, "otel_logs", project)
    assert (row["Body"], row["LogAttributes"]) == (
        text,
        {"text": text, "bytes": base64.b64encode(text.encode()).decode()},
    )


def test_integers_of_every_size_come_back(store: Store, insert: Any, project: str) -> None:
    numbers = {0, -1, -(2**63), 2**63 - 1}
    numbers |= {sign * 2**bits + off for bits in range(63) for sign in (1, -1) for off in (0, 1)}
    request: Any = REQUEST_TYPES["logs"]()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START_NANO)
    for number in numbers:
        record.attributes.add(key=str(number)).value.int_value = number

    insert("logs", request)

    [row] = rows_of(store, "otel_logs", project)
    assert row["LogAttributes"] == {str(number): str(number) for number in numbers}


def test_a_length_in_more_bytes_than_it_needs_is_read(
    store: Store, insert: Any, project: str
) -> None:
    # Encoders that fill in a length afterwards reserve bytes for it.
    request: Any = REQUEST_TYPES["logs"]()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START_NANO)
    record.attributes.add(key="text").value.string_value = "XX" + "padded"
    plain = request.SerializeToString()
    padded = plain.replace(b"\x0a\x08XXpadded", b"\x0a\x86\x80\x00padded")
    assert len(padded) == len(plain)

    insert("logs", Raw(padded))

    [row] = rows_of(store, "otel_logs", project)
    assert row["LogAttributes"] == {"text": "padded"}


class Raw:
    """Bytes that pass for a message."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        return self._body
