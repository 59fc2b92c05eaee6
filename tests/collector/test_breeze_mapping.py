"""Every row of the mapping table is true. docs/generate.py makes a page of the same rows."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format

from stepsight_collector.breeze import fields, translate
from stepsight_collector.receivers.check import REQUEST_TYPES

SAMPLES: dict[str, Any] = {
    "text": "a text of its own",
    "truth": False,
    "ms": "00:00:01.5",
    "number": 2.5,
    "json": {"rows": 1.5},
}
STORED = {
    "text": {"stringValue": "a text of its own"},
    "truth": {"boolValue": False},
    "ms": {"doubleValue": 1500.0},
    "number": {"doubleValue": 2.5},
    "json": {"stringValue": '{"rows":1.5}'},
}


def envelope(base_type: str, base: dict[str, Any], **more: Any) -> dict[str, Any]:
    name = f"Microsoft.ApplicationInsights.{base_type.removesuffix('Data')}"
    return {
        "name": name,
        "time": "2026-11-24T03:31:34.5Z",
        "iKey": "key",
        "data": {"baseType": base_type, "baseData": base},
        **more,
    }


def only_record(item: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Translate one item; returns its record, the record's attributes and the resource's."""
    translated = translate(json.dumps([item]).encode(), lambda _: "default")
    assert translated.errors == ()
    [request] = translated.requests
    message = json_format.MessageToDict(REQUEST_TYPES[request.signal].FromString(request.body))
    [resource] = next(iter(message.values()))
    [scope] = next(value for key, value in resource.items() if key.startswith("scope"))
    [record] = next(value for key, value in scope.items() if key != "scope")
    point = record
    for kind in ("gauge", "histogram"):
        if kind in record:
            [point] = record[kind]["dataPoints"]
    return record, attributes(point), attributes(resource["resource"])


def b64(hex_id: str) -> str:
    return base64.b64encode(bytes.fromhex(hex_id)).decode()


def attributes(owner: dict[str, Any]) -> dict[str, Any]:
    pairs = owner.get("attributes", [])
    found = {pair["key"]: pair["value"] for pair in pairs}
    assert len(found) == len(pairs)
    return found


ENCODED = [
    (base_type, field)
    for base_type, rows in fields.BASES.items()
    for field in rows
    if field.kind != "own"
]


@pytest.mark.parametrize(("base_type", "field"), ENCODED, ids=lambda x: getattr(x, "name", x))
def test_a_field_is_the_attribute_that_its_row_names(base_type: str, field: fields.Field) -> None:
    base = {field.name: SAMPLES[field.kind]}
    if base_type == "MetricData":
        base["metrics"] = [{"name": "m", "value": 1}]

    _, found, _ = only_record(envelope(base_type, base))

    assert found[field.target.partition(",")[0]] == STORED[field.kind]


@pytest.mark.parametrize(("base_type", "field"), ENCODED, ids=lambda x: getattr(x, "name", x))
def test_a_field_of_another_form_is_kept_beside(base_type: str, field: fields.Field) -> None:
    base = {field.name: [1, {"a": None}]}
    if base_type == "MetricData":
        base["metrics"] = [{"name": "m", "value": 1}]

    _, found, _ = only_record(envelope(base_type, base))

    place = field.target.partition(",")[0]
    kept = place if field.kind == "text" else fields.RAW_FIELD + field.name
    assert found[kept] == {"stringValue": '[1,{"a":null}]'}


@pytest.mark.parametrize("tag", sorted(fields.RESOURCE_TAGS))
def test_a_tag_of_the_process_is_an_attribute_of_the_resource(tag: str) -> None:
    _, _, resource = only_record(envelope("MessageData", {}, tags={tag: "x"}))

    assert resource[fields.RESOURCE_TAGS[tag]] == {"stringValue": "x"}


@pytest.mark.parametrize(
    "tag", [row.name for row in fields.TAGS if row.target == row.name] + ["ai.new", "own"]
)
def test_any_other_tag_is_an_attribute_of_the_record(tag: str) -> None:
    _, found, _ = only_record(envelope("MessageData", {}, tags={tag: "x"}))

    assert found == {tag if tag.startswith("ai.") else f"stepsight.tag.{tag}": {"stringValue": "x"}}


def test_fields_with_a_place_in_otlp_are_there() -> None:
    tags = {"ai.operation.id": "bed37e11f2126aaed03cf6b9eb938a14",
            "ai.operation.parentId": "2e1344936860b714"}  # fmt: skip
    message, found, _ = only_record(
        envelope("MessageData", {"message": "m", "severityLevel": "Warning"}, tags=tags)
    )
    request, request_found, _ = only_record(
        envelope(
            "RequestData",
            {"id": "62a8f7192ec014f2", "name": "n", "duration": "0.00:00:00.5", "success": False},
            tags=tags,
        )
    )

    assert (found, request_found) == ({}, {})
    assert message == {
        "timeUnixNano": "1795491094500000000",
        "severityNumber": "SEVERITY_NUMBER_WARN",
        "severityText": "WARNING",
        "body": {"stringValue": "m"},
        "traceId": b64(tags["ai.operation.id"]),
        "spanId": b64(tags["ai.operation.parentId"]),
    }
    assert {key: request[key] for key in ("name", "kind", "status", "parentSpanId")} == {
        "name": "n",
        "kind": "SPAN_KIND_SERVER",
        "status": {"code": "STATUS_CODE_ERROR"},
        "parentSpanId": b64(tags["ai.operation.parentId"]),
    }
    assert int(request["endTimeUnixNano"]) - int(request["startTimeUnixNano"]) == 500_000_000


def test_an_aggregate_keeps_count_sum_extremes_and_deviation() -> None:
    metric = {"name": "m", "ns": "space", "value": 40, "count": 4, "min": 5, "max": 20,
              "stdDev": 2.5, "kind": "Aggregation"}  # fmt: skip

    record, found, _ = only_record(envelope("MetricData", {"metrics": [metric]}))

    [point] = record["histogram"]["dataPoints"]
    assert (record["name"], point["count"], point["sum"], point["min"], point["max"]) == (
        "m",
        "4",
        40.0,
        5.0,
        20.0,
    )
    assert found == {
        "stepsight.metric.namespace": {"stringValue": "space"},
        "stepsight.metric.std_dev": {"doubleValue": 2.5},
        "stepsight.breeze.metric.kind": {"stringValue": "Aggregation"},
    }
