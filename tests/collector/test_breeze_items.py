"""Odd items: what is taken, how, and what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from stepsight_collector.breeze import translate
from stepsight_collector.breeze.dimensions import unfold
from stepsight_collector.breeze.framing import split_items
from stepsight_collector.breeze.ids import span_id, trace_id
from stepsight_collector.breeze.severity import severity_of
from stepsight_collector.breeze.times import TimeReader, duration_nano
from stepsight_collector.errors import TooLargeError
from stepsight_collector.receivers.check import REQUEST_TYPES

SECOND = 1_795_491_094  # 2026-11-24T03:31:34Z


def records(*items: Any) -> list[Any]:
    """Translate items; returns every log record, span and metric."""
    translated = translate(json.dumps(items).encode(), lambda _: "default")
    assert translated.errors == ()
    found: list[Any] = []
    for request in translated.requests:
        message: Any = REQUEST_TYPES[request.signal].FromString(request.body)
        for resource in next(iter(message.ListFields()))[1]:
            for scope in resource.ListFields()[-1][1]:
                found += scope.ListFields()[-1][1]
    return found


def item(base_type: str, base: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"time": "2026-11-24T03:31:34Z", "data": {"baseType": base_type, "baseData": base},
            **more}  # fmt: skip


def values(record: Any) -> dict[str, Any]:
    found = {}
    for pair in record.attributes:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind) if kind else None
    return found


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("2026-11-24T03:31:34Z", SECOND * 10**9),
        ("2026-11-24T03:31:34.266461", SECOND * 10**9 + 266_461_000),
        ("2026-11-24T03:31:34.1234567Z", SECOND * 10**9 + 123_456_700),
        ("2026-11-24T03:31:34.12345678901Z", SECOND * 10**9 + 123_456_789),
        ("2026-11-24 03:31:34.5", SECOND * 10**9 + 500_000_000),
        ("2026-11-24T05:31:34.5+02:00", SECOND * 10**9 + 500_000_000),
        ("2026-11-23T22:31:34-0500", SECOND * 10**9),
        ("1969-12-31T23:59:59Z", None),
        ("2300-01-01T00:00:00Z", None),
        ("2026-13-24T03:31:34Z", None),
        ("yesterday", None),
        ("2026-11-24T03:31:34.٣Z", None),
        (1_795_491_094, None),
        (None, None),
    ],
)
def test_times_are_read_in_every_form(text: Any, nano: int | None) -> None:
    reader = TimeReader()

    assert [reader.unix_nano(text), reader.unix_nano(text)] == [nano, nano]


@pytest.mark.parametrize(
    ("value", "nano"),
    [
        ("0.00:00:00.010", 10_000_000),
        ("00:00:01.234", 1_234_000_000),
        ("12.23:59:59.9999999", (12 * 86_400 + 86_399) * 10**9 + 999_999_900),
        (1500, 1_500_000_000),
        (0.5, 500_000),
        ("1500", 1_500_000_000),
        (True, None),
        (-1, None),
        (math.nan, None),
        ("", None),
        ([], None),
    ],
)
def test_durations_are_read_in_every_form(value: Any, nano: int | None) -> None:
    assert duration_nano(value) == nano


def test_ids_of_any_form_keep_parents_and_children_together() -> None:
    trace = "bed37e11f2126aaed03cf6b9eb938a14"

    assert trace_id(trace) == (bytes.fromhex(trace), True)
    assert trace_id("bed37e11-f212-6aae-d03c-f6b9eb938a14") == (bytes.fromhex(trace), False)
    assert trace_id("0" * 32) == trace_id("") == (b"", True)
    assert trace_id("00000000-0000-0000-0000-000000000000") == (b"", True)
    assert span_id(f"|{trace}.2e1344936860b714.") == (bytes.fromhex("2e1344936860b714"), True)
    assert span_id(f"|{'0' * 32}.{'0' * 16}.") == (b"", True)
    assert span_id("2E1344936860B714") == (bytes.fromhex("2e1344936860b714"), False)
    assert span_id("|job.1.")[0] == span_id("|job.1.")[0] != span_id("|job.2.")[0]
    assert len(span_id("\ud800")[0]) == 8


def test_severity_is_a_number_or_a_name() -> None:
    assert [severity_of(level) for level in (0, "1", 2.0, "Error", "CRITICAL")] == [
        (5, "DEBUG"),
        (9, "INFO"),
        (13, "WARNING"),
        (17, "ERROR"),
        (21, "CRITICAL"),
    ]
    none: tuple[Any, ...] = (5, -1, 1.5, True, "loud", [], {})
    assert [severity_of(level) for level in none] == [None] * 7


def test_item_count_comes_from_the_sample_rate() -> None:
    found = [
        values(record)
        for record in records(
            *(
                item("MessageData", {}, sampleRate=rate)
                for rate in (100, "100", None, 50, 33.33, "25", 0, -1, "half", True)
            )
        )
    ]

    assert found[:3] == [{}, {}, {}]
    assert [each.get("stepsight.item.count") for each in found[3:6]] == [2, 3, 4]
    assert [each["stepsight.sample.rate"] for each in found[3:6]] == [50.0, 33.33, 25.0]
    assert [each["stepsight.envelope.sampleRate"] for each in found[6:]] == [0, -1, "half", True]


@pytest.mark.parametrize(
    "text",
    [
        "{'a': 1",
        "{'a': <object object at 0x7f>}",
        "{'a': __import__('os')}",
        "{'a': 1if 2else 3}",
        "{'a': f'{1}'}",
        r"{'a': '\d'}",
        "{" * 5000,
        "{'a': " + "[" * 25 + "]" * 25 + "}",
        "{'a': " + "-" * 5000 + "1}",
        "{'a': " + "9" * 5000 + "}",
        "{'a': '" + "x" * 9000 + "'}",
        "{1, 2}",
        "[1]",
        "{[]: 1}",
    ],
)
def test_what_is_no_repr_of_a_plain_dict_is_left_alone(text: str) -> None:
    assert unfold({"custom_dimensions": text}) == {"custom_dimensions": text}


def test_a_repr_of_a_dict_is_unfolded_and_loses_nothing() -> None:
    dimensions = {"a": "it's \"q\" \\ \n\t\x00é雪\U0001f600 nan", "b": [1, (2.5,)],
                  "c": {"d": None}, "e": True, "f": -1e-9, "g": b"x\x00", 7: {3},
                  "h": float("-inf")}  # fmt: skip

    found = unfold({"custom_dimensions": repr(dimensions), "z": 1})
    kept = unfold({"custom_dimensions": repr({"z": 2, "y": 3}), "z": 1})

    assert found == {
        "z": 1,
        "a": dimensions["a"],
        "b": [1, [2.5]],
        "c": {"d": None},
        "e": True,
        "f": -1e-9,
        "g": "b'x\\x00'",
        "7": [3],
        "h": "-inf",
    }
    assert kept == {"z": 1, "y": 3, "custom_dimensions": "{'z': 2, 'y': 3}"}


def test_json_that_python_clients_write_is_taken() -> None:
    body = (
        b'[{"data":{"baseType":"MessageData","baseData":{"message":"\\ud800x\\ud83d\\ude00",'
        b'"properties":{"n":NaN,"i":-Infinity,"big":' + b"1" * 5000 + b',"bad":"\xff",'
        b'"deep":[NaN,{"a":[]}]}}}}]'
    )

    translated = translate(body, lambda _: "default")

    message: Any = REQUEST_TYPES["logs"].FromString(translated.requests[0].body)
    [record] = message.resource_logs[0].scope_logs[0].log_records
    found = values(record)
    assert record.body.string_value == "\ufffdx\U0001f600"
    assert math.isnan(found.pop("n"))
    assert found == {"i": -math.inf, "big": math.inf, "bad": "\ufffd", "deep": '["NaN",{"a":[]}]'}


def test_metric_values_of_every_kind() -> None:
    points = [
        record.gauge.data_points[0]
        for record in records(
            *(
                item("MetricData", {"metrics": [{"name": "m", "value": value}]})
                for value in (1, 0.5, "2.5", None, 2**70, 10**400, -(10**400))
            )
        )
    ]

    assert [(p.as_int, p.as_double, p.flags) for p in points] == [
        (1, 0.0, 0),
        (0, 0.5, 0),
        (0, 2.5, 0),
        (0, 0.0, 1),
        (0, float(2**70), 0),
        (0, math.inf, 0),
        (0, -math.inf, 0),
    ]


def test_every_metric_of_an_envelope_is_kept() -> None:
    metrics = [{"name": "a", "value": 1}, {"name": "b", "value": 2, "count": 3}]

    found = records(item("MetricData", {"metrics": metrics, "properties": {"k": "v"}}))

    assert [(metric.name, metric.WhichOneof("data")) for metric in found] == [
        ("a", "gauge"),
        ("b", "histogram"),
    ]
    assert values(found[1].histogram.data_points[0]) == {"k": "v"}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (7, "An item must be an envelope, a JSON object; this one is 7."),
        ({}, "Field 'data' on type 'Envelope' is required and must be object, found None."),
        ({"data": {"baseData": {}}},
         "Field 'baseType' on type 'Data' is required and must be text, found None."),
        ({"data": {"baseType": "MessageData"}},
         "Field 'baseData' on type 'Data' is required and must be object, found None."),
        (item("MetricData", {"metrics": []}),
         "Field 'metrics' on type 'MetricData' must be a list with at least one metric, found []."),
        (item("MetricData", {"metrics": [{"name": "m", "value": "x"}]}),
         "Field 'value' on type 'DataPoint' must be a number, found 'x'."),
        (item("MetricData", {"metrics": [1]}), "A metric must be a JSON object, found 1."),
    ],
)  # fmt: skip
def test_an_item_that_can_never_be_stored_is_refused_by_index(bad: Any, message: str) -> None:
    body = json.dumps([item("MessageData", {}), bad]).encode()

    translated = translate(body, lambda _: "default")

    assert translated.errors == ((1, 400, message),)
    assert [request.indexes for request in translated.requests] == [(0,)]


def test_an_unknown_base_type_is_kept_whole() -> None:
    base = {"ver": 2, "message": "m", "properties": {"k": "v"}, "measurements": {"n": 1}, "x": [1]}

    [record] = records(item("NewData", base, seq="7"))

    assert record.body.string_value == "m"
    assert values(record) == {
        "stepsight.envelope.seq": "7",
        "stepsight.item.type": "NewData",
        "k": "v",
        "microsoft.custom_measurements": '{"n":1}',
        "stepsight.breeze.ver": 2,
        "stepsight.breeze.message": "m",
        "stepsight.breeze.x": "[1]",
    }


def test_a_time_that_cannot_be_read_is_kept_as_text() -> None:
    [record] = records(item("MessageData", {}) | {"time": "yesterday"})

    assert (record.time_unix_nano, values(record)) == (
        0,
        {"stepsight.envelope.time": "yesterday"},
    )


def test_the_name_of_a_request_without_one_is_its_operations() -> None:
    found = records(
        item("RequestData", {"name": "", "id": "2e1344936860b714"},
             tags={"ai.operation.name": "op"}),
        item("RequestData", {"id": "2e1344936860b714"}),
    )  # fmt: skip

    assert [span.name for span in found] == ["op", "2e1344936860b714"]


def test_a_body_of_very_many_objects_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLargeError, match="500000 objects"):
        split_items(b"[" + b"{}," * 600_000 + b"{}]")


@pytest.mark.parametrize("body", [b"[" + b"0," * 100_000 + b"0]", b"{}" + b"\n{" * 100_001])
def test_a_body_of_very_many_items_is_refused(body: bytes) -> None:
    with pytest.raises(TooLargeError, match="100000 items"):
        split_items(body)


def test_an_item_that_is_nested_too_deeply_is_refused_alone() -> None:
    good = json.dumps(item("MessageData", {}))
    deep = '{"data":{"baseType":"MessageData","baseData":{"properties":{"d":' + "[" * 1000
    body = f"[{good},{deep}" + "]" * 1000 + "}}}}]"

    translated = translate(body.encode(), lambda _: "default")

    assert translated.errors == ((1, 400, "The item is nested too deeply."),)
    assert [request.indexes for request in translated.requests] == [(0,)]
