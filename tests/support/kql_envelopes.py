"""The fixed data that KQL is tested on: what arrives by the Application Insights protocol.

Project `golden`, all on Wednesday 2025-03-12, from 08:00:00 on, one envelope a second in the order
in which they stand here. Tags of the process: role `web`, instance `web-1`, version `2.0`, library
`py3.11:oc0.11`, key KEY.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ENVELOPES", "KEY", "PROCESS_TAGS"]

KEY = "11111111-2222-4333-8444-555555555555"
PROCESS_TAGS = {
    "ai.cloud.role": "web",
    "ai.cloud.roleInstance": "web-1",
    "ai.application.ver": "2.0",
    "ai.device.type": "PC",
    "ai.device.model": "box",
    "ai.device.osVersion": "Linux 6",
    "ai.internal.sdkVersion": "py3.11:oc0.11",
}
_USER = {
    "ai.operation.id": "d" * 32,
    "ai.operation.parentId": "d" * 16,
    "ai.operation.name": "GET /buy",
    "ai.operation.syntheticSource": "bot",
    "ai.session.id": "s-1",
    "ai.user.id": "u-1",
    "ai.user.authUserId": "ann@example",
    "ai.user.accountId": "acc",
    "ai.location.ip": "192.0.2.1",
    "ai.location.city": "Graz",
    "ai.location.province": "Styria",
    "ai.location.country": "Austria",
}
_RUN = {
    "parent_run_id": "run-d",
    "step_id": "run-d-1",
    "step_name": "train",
    "run_type": "training",
}
_FRAME = {"level": 0, "method": "buy", "assembly": "shop", "fileName": "shop.py", "line": 3}


# Base type, base data, tags, and more of the envelope.
_ITEMS: tuple[tuple[str, dict[str, Any], dict[str, str], dict[str, Any]], ...] = (
    # 08:00:00: everything that a trace can have.
    (
        "MessageData",
        {
            "message": "bought",
            "severityLevel": 1,
            "properties": {"level": "INFO", "process": "MainProcess", **_RUN},
            "measurements": {"price": 9.5},
        },
        _USER,
        {},
    ),
    # 08:00:01: sampled, a word for a severity, ids of other forms.
    (
        "MessageData",
        {"message": "sampled", "severityLevel": "Error", "properties": {"Level": "ERROR"}},
        {"ai.operation.id": "job 7", "ai.operation.parentId": "|job 7.1."},
        {"sampleRate": 25},
    ),
    # 08:00:02: a third of the items; properties of names that the mapping uses itself.
    (
        "MessageData",
        {
            "message": "reserved",
            "properties": {
                "ai.user.id": "mine",
                "stepsight.x": "y",
                "exception.type": "none",
                "nul": None,
                "num": 1.5,
                "yes": True,
                "obj": {"a": [1]},
            },
        },
        {},
        {"sampleRate": 33.333},
    ),
    # 08:00:03: dimensions as OpenTelemetry's handler sends them.
    (
        "MessageData",
        {
            "message": "folded",
            "severityLevel": 3,
            "properties": {"custom_dimensions": "{'step_id': 'run-d-2', 'n': 5}"},
        },
        {},
        {},
    ),
    # 08:00:04 and 08:00:05: exceptions, one with a chain.
    (
        "ExceptionData",
        {
            "exceptions": [
                {
                    "id": 1,
                    "typeName": "ValueError",
                    "message": "no price",
                    "hasFullStack": True,
                    "parsedStack": [_FRAME],
                }
            ],
            "severityLevel": 3,
            "properties": _RUN,
        },
        _USER,
        {},
    ),
    (
        "ExceptionData",
        {
            "exceptions": [
                {
                    "id": 1,
                    "outerId": 0,
                    "typeName": "Outer",
                    "message": "o",
                    "stack": 'File "x.py", line 1, in top',
                },
                {
                    "id": 2,
                    "outerId": 1,
                    "typeName": "Inner",
                    "message": "i",
                    "parsedStack": [_FRAME],
                },
            ],
            "problemId": "P1",
            "handledAt": "UserCode",
        },
        {},
        {},
    ),
    # 08:00:06 to 08:00:08: an event, a page, its timings.
    (
        "EventData",
        {"name": "clicked", "properties": {"button": "buy"}, "measurements": {"x": 1, "y": 2.5}},
        _USER,
        {},
    ),
    (
        "PageViewData",
        {
            "id": "v1",
            "name": "Shop",
            "url": "https://shop.example/",
            "duration": "00:00:02.5000000",
        },
        {},
        {},
    ),
    (
        "PageViewPerfData",
        {
            "name": "Shop",
            "url": "https://shop.example/",
            "perfTotal": "00:00:01",
            "networkConnect": "00:00:00.1",
            "sentRequest": "00:00:00.2",
            "receivedResponse": "00:00:00.3",
            "domProcessing": "00:00:00.4",
        },
        {},
        {},
    ),
    # 08:00:09: an availability test.
    (
        "AvailabilityData",
        {
            "id": "t2",
            "name": "front page",
            "duration": "00:00:00.3000000",
            "success": True,
            "runLocation": "Vienna",
            "message": "Passed",
        },
        {},
        {},
    ),
    # 08:00:10 to 08:00:12: requests, the last one with next to nothing.
    (
        "RequestData",
        {
            "id": "e" * 16,
            "name": "GET /buy",
            "duration": "00:00:00.4990000",
            "success": True,
            "responseCode": "200",
            "source": "mobile",
            "url": "https://shop.example/buy",
            "properties": {"http.url": "not this one"},
        },
        _USER,
        {},
    ),
    (
        "RequestData",
        {
            "id": "|job 7.2.",
            "name": "POST /pay",
            "duration": "0.00:01:00.0000000",
            "success": False,
            "responseCode": "500",
        },
        {"ai.operation.id": "job 7"},
        {"sampleRate": 50},
    ),
    ("RequestData", {"id": "f" * 16, "duration": "00:00:00"}, {}, {}),
    # 08:00:13 and 08:00:14: dependencies.
    (
        "RemoteDependencyData",
        {
            "id": "1" * 16,
            "name": "SELECT",
            "duration": "00:00:03.0000000",
            "success": False,
            "resultCode": "1205",
            "type": "SQL",
            "target": "db|shop",
            "data": "SELECT 1",
            "measurements": {"rows": 0},
        },
        _USER,
        {},
    ),
    (
        "RemoteDependencyData",
        {"id": "2" * 16, "name": "work", "duration": "00:00:00.1", "type": "InProc"},
        {},
        {},
    ),
    # 08:00:15 to 08:00:18: metrics: one value, an aggregate, counters.
    (
        "MetricData",
        {"metrics": [{"name": "stock", "value": 7}], "properties": {"shelf": "A"}},
        _USER,
        {},
    ),
    (
        "MetricData",
        {
            "metrics": [
                {"name": "price", "value": 30, "count": 3, "min": 5, "max": 15, "stdDev": 4.5}
            ]
        },
        {},
        {},
    ),
    (
        "MetricData",
        {"metrics": [{"name": "partial", "value": 8, "count": 2}]},
        {"ai.operation.id": "job 7"},
        {},
    ),
    (
        "MetricData",
        {"metrics": [{"name": "\\Processor(_Total)\\% Processor Time", "value": 12.5}]},
        {},
        {},
    ),
    (
        "MetricData",
        {
            "metrics": [{"name": "Queue Length", "value": 4}],
            "properties": {"CustomPerfCounter": "true"},
        },
        {},
        {},
    ),
    # 08:00:20: a base type that nobody knows.
    ("FancyData", {"message": "fancy", "colour": "red"}, {}, {}),
)

ENVELOPES = tuple(
    {
        "name": f"Microsoft.ApplicationInsights.{base_type.removesuffix('Data')}",
        "time": f"2025-03-12T08:00:{second:02d}.0000000Z",
        "iKey": KEY,
        "tags": {**PROCESS_TAGS, **tags},
        "data": {"baseType": base_type, "baseData": base},
        **more,
    }
    for second, (base_type, base, tags, more) in enumerate(_ITEMS)
)
