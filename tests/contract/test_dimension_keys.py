"""A custom dimension read by its key is what the whole of customDimensions has under it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kql_store import NOW_TICKS
from stepsight_collector.breeze import translate
from stepsight_collector.kql.compile import compile_query
from stepsight_collector.query.catalog import SCHEMA
from stepsight_collector.query.catalog_columns import ESCAPE, ESCAPED, HIDDEN, HIDDEN_NAMES
from stepsight_collector.receivers.check import REQUEST_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from stepsight_collector.store import Store

    Insert = Callable[..., str]

TABLES = "union traces, exceptions, customEvents, availabilityResults"
NAMES = (
    *(prefix + end for prefix in (*HIDDEN, *ESCAPED) for end in ("", "some", "some.thing")),
    *(name + end for name in HIDDEN_NAMES for end in ("", "_", ".x")),
    *("stepsight", "stepsight_x", "Stepsight.x", "ai", "xai.y", "exception.", "exception"),
    *("", "a.b", "quo'te", 'quo"te', "back\\\\slash", "`tick`", "größe", "line\nend", "{p:String}"),
    *("step_id", "run_type", "Level", "level"),
)
# Each name also as a property of it would be stored, and as one of that name would be.
KEYS = tuple(dict.fromkeys(escape + name for escape in ("", ESCAPE, ESCAPE * 2) for name in NAMES))


def of_otlp(names: tuple[str, ...]) -> Message:
    request: Any = REQUEST_TYPES["logs"]()
    scope = request.resource_logs.add().scope_logs.add()
    record = scope.log_records.add(time_unix_nano=1_700_000_000 * 10**9)
    for name in names:
        record.attributes.add(key=name).value.string_value = f"value of {name}"
    return request  # type: ignore[no-any-return]


def of_breeze(names: tuple[str, ...]) -> Message:
    properties = {name: f"value of {name}" for name in names}
    envelope = {
        "name": "Microsoft.ApplicationInsights.Message",
        "time": "2023-11-14T22:13:20Z",
        "data": {"baseType": "MessageData", "baseData": {"message": "", "properties": properties}},
    }
    [translated] = translate(json.dumps([envelope]).encode(), lambda _: "").requests
    request: Any = REQUEST_TYPES["logs"]()
    request.ParseFromString(translated.body)
    return request  # type: ignore[no-any-return]


def ask(store: Store, project: str, query: str) -> list[list[Any]]:
    compiled = compile_query(query, SCHEMA, project=project, now_ticks=NOW_TICKS)
    return store.query(compiled.sql, compiled.parameters).rows


@pytest.mark.parametrize("made", [of_otlp, of_breeze])
@pytest.mark.parametrize("chosen", [KEYS, KEYS[::2], KEYS[1::2], KEYS[len(NAMES) :], NAMES])
def test_a_key_finds_what_the_whole_map_has(
    store: Store,
    insert: Insert,
    project: str,
    made: Callable[[tuple[str, ...]], Message],
    chosen: tuple[str, ...],
) -> None:
    insert("logs", made(chosen))
    keys = ", ".join(f"tostring(customDimensions[{json.dumps(key)}])" for key in KEYS)

    [[found, whole]] = ask(
        store, project, f"{TABLES} | project pack_array({keys}), tostring(customDimensions)"
    )

    pairs = json.loads(whole, object_pairs_hook=list)
    assert len(dict(pairs)) == len(pairs)
    levels = {"Level", "level"}  # both spellings answer for each other
    by_key = dict(zip(KEYS, json.loads(found), strict=True))
    assert {key: by_key[key] for key in KEYS if key not in levels - dict(pairs).keys()} == {
        key: dict(pairs).get(key, "") for key in KEYS if key not in levels - dict(pairs).keys()
    }


def test_a_property_is_shown_under_its_own_name(store: Store, insert: Insert, project: str) -> None:
    insert("logs", of_breeze(KEYS))

    [[whole]] = ask(store, project, f"{TABLES} | project tostring(customDimensions)")

    assert json.loads(whole) == {key: f"value of {key}" for key in KEYS}


def test_a_property_wins_over_an_attribute_of_its_name(
    store: Store, insert: Insert, project: str
) -> None:
    insert("logs", of_otlp(("stepsight.some", f"{ESCAPE}stepsight.some")))

    rows = ask(
        store, project, "traces | project customDimensions['stepsight.some'], customDimensions"
    )

    value = f"value of {ESCAPE}stepsight.some"
    assert rows == [[value, {"stepsight.some": value}]]


def test_a_key_that_is_never_escaped_is_looked_up_once() -> None:
    sql = [
        compile_query(
            f"traces | project tostring(customDimensions['{key}'])",
            SCHEMA,
            project="",
            now_ticks=NOW_TICKS,
        ).sql.count("mapContains")
        for key in ("rows", "exception.types", "stepsight", "ai.user.id", "stepsight.some")
    ]

    assert sql == [0, 0, 0, 0, 1]
