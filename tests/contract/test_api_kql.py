"""Questions in KQL over HTTP: what is asked, what is answered, and who may ask what."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from served_api import ALL, CREDENTIALS, WRITER, A, B, ServedApi, served_api
from stepsight_collector.access import Access
from stepsight_collector.query.lanes import LaneLimits
from stepsight_collector.query.limits import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from served_api import Answer
    from stepsight_collector.store import Store

# Pairs of five million and a hundred thousand numbers.
ENDLESS = (
    "range a from 1 to 5000000 step 1 | extend k = 1 | join kind=inner "
    "(range b from 1 to 100000 step 1 | extend k = 1) on k | summarize total = sum(a % b)"
)


def rows(answer: Answer) -> Any:
    assert answer.status == 200, answer.json
    return answer.json["rows"]


def running(store: Store) -> int:
    sql = "SELECT count() FROM system.processes WHERE Settings['log_comment'] LIKE 'stepsight %'"
    count: int = store.query(sql).rows[0][0]
    return count


@contextmanager
def asking(port: int, token: str, query: str) -> Iterator[None]:
    """Ask, and go away at the end of the block without having read an answer."""
    body = json.dumps({"query": query}).encode()
    head = (
        f"POST /api/kql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head.encode() + body)
        yield


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_an_answer_has_columns_rows_and_figures(api: ServedApi) -> None:
    query = "traces | where message has 'a' | project message, timestamp | order by timestamp asc"

    answer = api.ask("/api/kql", {"query": query}, token=A)

    document = answer.json
    assert answer.status == 200
    assert document["statistics"].keys() == {"elapsed_s", "compile_s", "rows_read", "bytes_read"}
    assert all(value > 0 for value in document.pop("statistics").values())
    assert document == {
        "columns": [
            {"name": "message", "type": "string"},
            {"name": "timestamp", "type": "datetime"},
        ],
        "rows": [
            ["from a", "2026-01-05T08:00:00.0000000Z"],
            ["and a", "2026-01-05T08:00:01.0000000Z"],
        ],
        "truncated": False,
        "partial": None,
        "render": None,
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("token", "headers", "expected"),
    [
        (A, {}, 2),
        (B, {}, 1),
        (ALL, {}, 0),  # the default project
        (ALL, {"X_Stepsight_Project": "kql-b"}, 1),
    ],
)
def test_a_query_reads_the_project_of_its_token(
    api: ServedApi, token: str, headers: dict[str, str], expected: int
) -> None:
    answer = api.ask("/api/kql", {"query": "traces | count"}, token=token, **headers)

    assert rows(answer) == [[expected]]


@pytest.mark.parametrize(
    ("token", "headers", "status", "code"),
    [
        ("", {}, 401, "unauthorized"),
        ("unknown-token", {}, 401, "unauthorized"),
        (WRITER, {}, 403, "forbidden"),
        (A, {"X_Stepsight_Project": "kql-b"}, 403, "forbidden"),
    ],
)
def test_who_may_not_read_is_told(
    api: ServedApi, token: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = api.ask("/api/kql", {"query": "traces | count"}, token=token, **headers)

    assert (answer.status, answer.json["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("timespan", "expected"),
    [
        ("2026-01-05T08:00:00Z/2026-01-05T08:00:00.5Z", [["from a"]]),
        ("2026-01-05T08:00:00.5Z/PT1S", [["and a"]]),
        ("PT1H", []),
        ("", [["and a"], ["from a"]]),
        (None, [["and a"], ["from a"]]),
    ],
)
def test_a_timespan_limits_every_table(
    api: ServedApi, timespan: str | None, expected: list[list[str]]
) -> None:
    body = {"query": "traces | project message | order by message asc", "timespan": timespan}

    assert rows(api.ask("/api/kql", body, token=A)) == expected


def test_more_rows_than_asked_for_are_cut_and_said(api: ServedApi) -> None:
    body = {"query": "range n from 1 to 9 step 1", "max_rows": 3}

    answer = api.ask("/api/kql", body, token=A)

    assert rows(answer) == [[1], [2], [3]]
    assert answer.json["truncated"] is True
    assert answer.json["partial"] == {
        "reason": "rows",
        "message": "the answer has more than 3 rows",
    }
    body["max_rows"] = 9
    assert api.ask("/api/kql", body, token=A).json["truncated"] is False


def test_what_is_drawn_is_told(api: ServedApi) -> None:
    query = "range n from 1 to 2 step 1 | render columnchart with (title='Numbers')"

    answer = api.ask("/api/kql", {"query": query}, token=A)

    assert answer.json["render"] == {"chart": "columnchart", "properties": {"title": "Numbers"}}


def test_explain_shows_the_plan_and_the_sql_without_the_querys_values(api: ServedApi) -> None:
    body = {"query": "traces | where message == 'from a'", "explain": True}

    document = api.ask("/api/kql", body, token=A).json

    assert document["plan"]
    assert "from a" not in document["sql"]
    assert {"from a", "kql-a"} <= set(document["parameters"].values())
    assert document["statistics"]["rows_read"] > 0


def test_parameters_are_values_of_the_query(api: ServedApi) -> None:
    body = {
        "query": "declare query_parameters(word:string = 'x', n:long = 1); print word, n",
        "parameters": {"word": "it's", "n": 5},
    }

    assert rows(api.ask("/api/kql", body, token=A)) == [["it's", 5]]


def test_a_query_that_does_not_compile_is_explained(api: ServedApi) -> None:
    query = "traces\n| where mesage == 'x'"

    answer = api.ask("/api/kql", {"query": query}, token=A)

    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, "bad_query")
    assert error["message"].startswith("query:2:9 ")
    assert "mesage" in error["message"]
    (diagnostic,) = error["diagnostics"]
    assert (diagnostic["code"], diagnostic["start"], diagnostic["end"]) == (
        "unknown_column", 15, 21,
    )  # fmt: skip
    assert (diagnostic["line"], diagnostic["column"]) == (2, 9)
    assert "mesage" in error["report"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"no json", "the body must be a JSON object"),
        ([1], "the body must be a JSON object"),
        ({}, 'must have "query"'),
        ({"query": 5}, 'must have "query"'),
        ({"query": "print 1", "sql": ""}, 'unknown field "sql"'),
        ({"query": "print 1", "max_rows": 0}, "from 1 to 100000, got 0"),
        ({"query": "print 1", "max_rows": True}, "from 1 to 100000, got True"),
        ({"query": "print 1", "max_rows": "9"}, "from 1 to 100000, got '9'"),
        ({"query": "print 1", "timespan": 5}, '"timespan" must be a text'),
        ({"query": "print 1", "timespan": "soon"}, "neither an ISO 8601 duration"),
        ({"query": "print 1", "parameters": []}, '"parameters" must be an object'),
        ({"query": "print 1", "explain": 1}, '"explain" must be true or false'),
        (b'{"query": "' + b" " * (1 << 20) + b'"}', "over 1048576 bytes"),
    ],
)
def test_a_body_that_cannot_be_used_is_said(api: ServedApi, body: Any, says: str) -> None:
    answer = api.ask("/api/kql", body, token=A)

    assert (answer.status, answer.json["error"]["code"]) == (400, "bad_request")
    assert says in answer.json["error"]["message"]


def test_a_query_is_checked_without_being_run(api: ServedApi) -> None:
    good = api.ask("/api/kql/check", {"query": ENDLESS}, token=A)
    bad = api.ask("/api/kql/check", {"query": "traces | whre x"}, token=A)

    assert good.json == {
        "diagnostics": [],
        "report": "",
        "columns": [{"name": "total", "type": "long"}],
    }
    assert (bad.status, bad.json["columns"]) == (200, None)
    assert bad.json["diagnostics"][0]["start"] == 9
    assert "whre" in bad.json["report"]


def test_a_query_is_completed_where_the_cursor_is(api: ServedApi) -> None:
    body = {"query": "traces | where mess", "position": 19}

    found = api.ask("/api/kql/complete", body, token=A).json

    assert (found["start"], found["end"]) == (15, 19)
    assert found["items"][0].keys() == {"label", "kind", "detail", "insert"}
    assert ("message", "column") in {(each["label"], each["kind"]) for each in found["items"]}


@pytest.mark.parametrize("position", [-1, 20, "3", None, True])
def test_a_cursor_outside_of_the_query_is_said(api: ServedApi, position: object) -> None:
    body = {"query": "traces | where mess", "position": position}

    answer = api.ask("/api/kql/complete", body, token=A)

    assert (answer.status, answer.json["error"]["code"]) == (400, "bad_request")


def test_the_schema_lists_tables_and_columns(api: ServedApi) -> None:
    tables = {each["name"]: each for each in api.ask("/api/schema", token=A).json["tables"]}

    assert {"traces", "AppTraces"} <= tables.keys()
    columns = {each["name"]: each for each in tables["traces"]["columns"]}
    assert columns["customDimensions"]["type"] == "dynamic"
    assert all(each["description"] for each in columns.values())


def test_a_client_that_goes_away_ends_its_query_in_the_engine(api: ServedApi, store: Store) -> None:
    with asking(api.port, A, ENDLESS):
        until(lambda: running(store) == 1)

    until(lambda: running(store) == 0)
    assert rows(api.ask("/api/kql", {"query": "print 1"}, token=A)) == [[1]]


@pytest.mark.parametrize(
    ("path", "code"), [("/api/kql", "busy"), ("/v1/apps/kql-a/query", "ThrottledError")]
)
def test_a_token_that_asks_too_much_at_once_is_told_when_to_come_again(
    store: Store, path: str, code: str
) -> None:
    lanes = LaneLimits(at_once=2, of_one=1, waiting_of_one=0)
    with (
        served_api(store, Access(CREDENTIALS), Policy(), lanes) as api,
        asking(api.port, A, ENDLESS),
    ):
        until(lambda: running(store) == 1)

        refused = api.ask(path, {"query": "print 1"}, token=A)
        other = api.ask("/api/kql", {"query": "print 1"}, token=B)

    assert (refused.status, refused.json["error"]["code"]) == (429, code)
    assert int(refused.headers["retry-after"]) > 0
    assert rows(other) == [[1]]
    assert running(store) == 0
