"""What clients of Azure Monitor's query API send, in all the forms it comes in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stepsight_collector.api.app_insights_batch import answer_batch, read_batch
from stepsight_collector.api.app_insights_errors import AzureError
from stepsight_collector.api.app_insights_request import (
    Preferences,
    read_preferences,
    read_question,
)
from stepsight_collector.errors import BusyError

NOW = 639_000_000_000_000_000
HOUR = 36_000_000_000


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Preferences()),
        ("wait=30", Preferences(30)),
        ("wait=600,include-statistics=true,include-render=true", Preferences(600, True, True)),
        ("Include-Statistics = TRUE ; Wait=5", Preferences(5, statistics=True)),
        ('wait="7"', Preferences(7)),
        ("ai.response-thinning=true, response-v1=true", Preferences()),
        ("wait=0, include-render=false", Preferences()),
        ("wait=soon,wait", Preferences()),
    ],
)
def test_preferences_are_read_and_others_let_go(header: str, expected: Preferences) -> None:
    assert read_preferences(header) == expected


def test_a_timespan_in_the_address_and_in_the_body_holds_twice() -> None:
    asked = read_question({"timespan": "PT3H"}, {"query": "q", "timespan": "PT1H"}, NOW)

    assert (asked.question.text, asked.question.timespan) == ("q", (NOW - HOUR, None))


def test_an_empty_timespan_is_all_time() -> None:
    asked = read_question({"query": "q", "timespan": ""}, None, NOW)

    assert (asked.question.text, asked.question.timespan, asked.others) == ("q", None, ())


def test_further_resources_come_as_a_list_or_with_commas() -> None:
    body = {"query": "q", "workspaces": ["a", "b"], "applications": None}

    assert read_question({"applications": "c, d,"}, body, NOW).others == ("c", "d", "a", "b")


@pytest.mark.parametrize(
    ("parameters", "body", "code"),
    [
        ({}, None, "MissingQuery"),
        ({"query": ""}, None, "MissingQuery"),
        ({}, {"query": 5}, "MissingQuery"),
        ({"query": "q", "timespan": "x"}, None, "InvalidTimespan"),
        ({}, {"query": "q", "timespan": 5}, "InvalidTimespan"),
        ({}, {"query": "q", "workspaces": {"a": 1}}, "InvalidResources"),
        ({}, {"query": "q", "applications": [1]}, "InvalidResources"),
    ],
)
def test_what_cannot_be_used_is_a_bad_argument(
    parameters: dict[str, str], body: dict[str, Any] | None, code: str
) -> None:
    with pytest.raises(AzureError) as caught:
        read_question(parameters, body, NOW)

    error = caught.value.document()["error"]
    assert (caught.value.status, error["code"]) == (400, "BadArgumentError")
    assert error["innererror"]["code"] == code


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, '"requests": a list of objects'),
        ({"requests": ["x"]}, '"requests": a list of objects'),
        ({"requests": []}, "1 to 100 requests, this one has 0"),
        ({"requests": [{"id": str(i)} for i in range(101)]}, "this one has 101"),
        ({"requests": [{}]}, 'must have an "id"'),
        ({"requests": [{"id": "1"}, {"id": 1}]}, 'an "id" of its own'),
    ],
)
def test_a_batch_that_is_none_is_refused(body: dict[str, Any], says: str) -> None:
    with pytest.raises(AzureError) as caught:
        read_batch(body)

    assert says in caught.value.document()["error"]["innererror"]["message"]


def test_each_of_a_batch_has_an_answer_of_its_own() -> None:
    """By default an item is a GET, whose body is ignored; its query is in its path."""
    items = read_batch(
        {
            "requests": [
                {"id": "post", "workspace": "w", "method": "POST", "path": "/query",
                 "headers": {"prefer": "wait=5"}, "body": {"query": "one"}},
                {"id": "get", "workspace": "w", "path": "/query?query=two&timespan=P1D",
                 "body": {"query": "ignored"}},
                {"id": "busy", "workspace": "busy", "method": "POST", "body": {"query": "q"}},
                {"id": "nowhere", "workspace": "w", "method": "POST", "path": "/fakePath"},
                {"id": "put", "workspace": "w", "method": "PUT", "path": "/query"},
                {"id": "no workspace", "method": "POST", "path": "/query"},
            ]
        }
    )  # fmt: skip

    async def ask(
        name: str, parameters: Any, body: Any, preferences: Preferences
    ) -> dict[str, Any]:
        await asyncio.sleep(0)
        if name == "busy":
            raise BusyError("too many", 7)
        return {"asked": [name, dict(parameters), body, preferences.wait_s]}

    found = asyncio.run(answer_batch(items, ask))["responses"]

    assert [each["id"] for each in found] == [item.id for item in items]
    assert [each["status"] for each in found] == [200, 200, 429, 404, 404, 400]
    assert found[0]["body"] == {"asked": ["w", {}, {"query": "one"}, 5.0]}
    assert found[1]["body"] == {"asked": ["w", {"query": "two", "timespan": "P1D"}, None, None]}
    assert found[2]["headers"] == {"Retry-After": "7"}
    assert found[2]["body"]["error"]["code"] == "ThrottledError"
