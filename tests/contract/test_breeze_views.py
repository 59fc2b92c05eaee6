"""Every field of an envelope comes back: tests/support/kql_envelopes.py through the door, the store
and the views."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kql_data import PROJECT
from kql_envelopes import ENVELOPES, KEY
from kql_rows import row_at, rows_of

if TYPE_CHECKING:
    from stepsight_collector.store import Store

TAGS = {
    "ai.operation.name": "operation_Name",
    "ai.operation.id": "operation_Id",
    "ai.operation.parentId": "operation_ParentId",
    "ai.operation.syntheticSource": "operation_SyntheticSource",
    "ai.session.id": "session_Id",
    "ai.user.id": "user_Id",
    "ai.user.authUserId": "user_AuthenticatedId",
    "ai.user.accountId": "user_AccountId",
    "ai.application.ver": "application_Version",
    "ai.device.type": "client_Type",
    "ai.device.model": "client_Model",
    "ai.device.osVersion": "client_OS",
    "ai.location.ip": "client_IP",
    "ai.location.city": "client_City",
    "ai.location.province": "client_StateOrProvince",
    "ai.location.country": "client_CountryOrRegion",
    "ai.cloud.role": "cloud_RoleName",
    "ai.cloud.roleInstance": "cloud_RoleInstance",
    "ai.internal.sdkVersion": "sdkVersion",
}
# By base type: the table, and the column of each field whose value it shows as it was sent.
FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "MessageData": ("traces", {"message": "message"}),
    "ExceptionData": ("exceptions", {"problemId": "problemId", "handledAt": "handledAt"}),
    "EventData": ("customEvents", {"name": "name"}),
    "PageViewData": ("pageViews", {"id": "id", "name": "name", "url": "url"}),
    "PageViewPerfData": ("browserTimings", {"name": "name", "url": "url"}),
    "AvailabilityData": (
        "availabilityResults",
        {"id": "id", "name": "name", "runLocation": "location", "message": "message"},
    ),
    "RequestData": (
        "requests",
        {
            "id": "id", "name": "name", "responseCode": "resultCode", "source": "source",
            "url": "url",
        },
    ),
    "RemoteDependencyData": (
        "dependencies",
        {
            "id": "id", "name": "name", "resultCode": "resultCode", "type": "type",
            "target": "target", "data": "data",
        },
    ),
}  # fmt: skip
PLAIN = [each for each in ENVELOPES if each["data"]["baseType"] in FIELDS]


def as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize(
    "sent", PLAIN, ids=lambda sent: f"{sent['data']['baseType']}-{sent['time']}"
)
def test_every_field_of_an_envelope_comes_back_in_its_column(
    kql_store: Store, sent: dict[str, Any]
) -> None:
    base = sent["data"]["baseData"]
    table, columns = FIELDS[sent["data"]["baseType"]]

    row = row_at(kql_store, table, sent["time"])

    expected: dict[str, Any] = {
        column: sent["tags"].get(tag, "") for tag, column in TAGS.items()
    } | {"iKey": KEY, "appId": KEY, "appName": PROJECT}
    expected |= {column: base.get(field, "") for field, column in columns.items()}
    if "problemId" not in base and table == "exceptions":
        expected["problemId"] = "ValueError at buy"
    if "name" not in base and table == "requests":
        expected["name"] = base["id"]
    expected["customMeasurements"] = (
        as_text(base["measurements"]) if "measurements" in base else None
    )
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    "sent", PLAIN, ids=lambda sent: f"{sent['data']['baseType']}-{sent['time']}"
)
def test_custom_dimensions_are_the_properties_that_were_sent(
    kql_store: Store, sent: dict[str, Any]
) -> None:
    properties = sent["data"]["baseData"].get("properties", {})

    row = row_at(kql_store, FIELDS[sent["data"]["baseType"]][0], sent["time"])

    if "custom_dimensions" in properties:
        assert row["customDimensions"] == {"step_id": "run-d-2", "n": "5"}
    else:
        expected = {key: as_text(value) for key, value in properties.items()}
        assert row["customDimensions"] == expected


def test_severity_is_a_number_and_null_if_none_was_given(kql_store: Store) -> None:
    rows = [row for row in rows_of(kql_store, "traces") if row["iKey"]]

    assert [(row["message"], row["severityLevel"], row["itemCount"]) for row in rows] == [
        ("bought", 1, 1),
        ("sampled", 3, 4),
        ("reserved", None, 3),
        ("folded", 3, 1),
        ("fancy", None, 1),
    ]
