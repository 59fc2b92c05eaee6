"""Azure Monitor's query API over HTTP, beside what its clients use (tests/clients)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from served_api import ALL, KEY, WRITER, A, B

if TYPE_CHECKING:
    from served_api import Answer, ServedApi

COUNT = {"query": "traces | count"}
BOTH = "2026-01-05/2026-01-06"


def rows(answer: Answer) -> Any:
    assert answer.status == 200, answer.json
    (table,) = answer.json["tables"]
    return table["rows"]


def innermost(answer: Answer) -> tuple[str, str]:
    error = answer.json["error"]
    while "innererror" in error:
        error = error["innererror"]
    return error["code"], error["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/apps/kql-a/query",
        "/v1/workspaces/workspace-a/query",
        "/v1/workspaces/Workspace-A/query",
        "//v1//apps/kql-a/query/",
        "/v1/subscriptions/s/resourceGroups/g/providers/p/workspaces/kql-a/query",
        "/v1/workspaces/" + quote("group/kql-a", safe="") + "/query",
    ],
)
def test_a_path_leads_to_a_project_by_get_and_by_post(api: ServedApi, path: str) -> None:
    get = api.ask(f"{path}?query={quote(COUNT['query'])}&timespan={BOTH}", token=A)

    assert rows(get) == rows(api.ask(path, COUNT, token=A)) == [[2]]


@pytest.mark.parametrize("headers", [{"X_Api_Key": B}, {"Authorization": f"Bearer {B}"}])
def test_a_key_and_a_bearer_token_open_the_door(api: ServedApi, headers: dict[str, str]) -> None:
    assert rows(api.ask(f"/v1/apps/{KEY}/query", COUNT, **headers)) == [[1]]


def test_a_reader_of_all_projects_reads_the_one_that_is_named(api: ServedApi) -> None:
    assert rows(api.ask("/v1/apps/kql-a/query", COUNT, token=ALL)) == [[2]]
    assert rows(api.ask("/v1/apps/kql-b/query", COUNT, token=ALL)) == [[1]]
    assert rows(api.ask("/v1/apps/default/query", COUNT, token=ALL)) == [[0]]


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/apps/kql-a/query", {}, 401, "AuthenticationFailed"),
        ("/v1/nowhere", {}, 401, "AuthenticationFailed"),
        ("/v1/apps/kql-a/query", {"X_Api_Key": "nobody's"}, 403, "InvalidAuthenticationToken"),
        ("/v1/apps/kql-a/query", {"X_Api_Key": WRITER}, 403, "InsufficientAccessError"),
        ("/v1/apps/kql-b/query", {"X_Api_Key": A}, 403, "InsufficientAccessError"),
        ("/v1/apps/nowhere/query", {"X_Api_Key": A}, 403, "InsufficientAccessError"),
        ("/v1/apps/kql-b/metadata", {"X_Api_Key": A}, 403, "InsufficientAccessError"),
        ("/v1/apps/nowhere/query", {"X_Api_Key": ALL}, 403, "InsufficientAccessError"),
        ("/v1/nowhere", {"X_Api_Key": A}, 404, "PathNotFoundError"),
        ("/v1/apps/kql-a/events", {"X_Api_Key": A}, 404, "PathNotFoundError"),
        ("/v1/clusters/kql-a/query", {"X_Api_Key": A}, 404, "PathNotFoundError"),
        ("/v1/clusters/kql-a/metadata", {"X_Api_Key": A}, 404, "PathNotFoundError"),
    ],
)
def test_who_may_not_and_what_is_not_there_is_told_in_their_form(
    api: ServedApi, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = api.ask(path, COUNT, **headers)

    assert (answer.status, answer.json["error"]["code"]) == (status, code)


def test_a_method_that_a_route_does_not_take_is_no_path(api: ServedApi) -> None:
    assert api.ask("/v1/$batch", token=A).json["error"]["code"] == "PathNotFoundError"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "InvalidJson"),
        (b"{", "InvalidJson"),
        ([], "InvalidJson"),
        (b'"' + b" " * (1 << 20) + b'"', "InvalidBody"),
        ({}, "MissingQuery"),
        ({"query": "traces", "timespan": "yesterday"}, "InvalidTimespan"),
        ({"query": "traces", "workspaces": "kql-b"}, "Forbidden"),
        ({"query": "traces |"}, "SYN0002"),
        ({"query": "traces | where nothing"}, "SEM0100"),
    ],
)
def test_a_request_that_cannot_be_used_says_why_innermost(
    api: ServedApi, body: Any, code: str
) -> None:
    answer = api.ask("/v1/apps/kql-a/query", body, token=A)

    assert answer.status == (403 if code == "Forbidden" else 400)
    assert innermost(answer)[0] == code


def test_a_syntax_error_has_its_place(api: ServedApi) -> None:
    answer = api.ask("/v1/apps/kql-a/query", {"query": "traces\n| whre x"}, token=A)

    inner = answer.json["error"]["innererror"]["innererror"]
    assert (inner["line"], inner["pos"], inner["token"]) == (2, 2, "whre")
    assert inner["message"].startswith("query:2:3 ")


def test_answers_have_only_what_was_asked_for(api: ServedApi) -> None:
    path = "/v1/apps/kql-a/query"

    plain = api.ask(path, COUNT, token=A).json
    full = api.ask(path, COUNT, token=A, Prefer="include-statistics=true, include-render=true").json

    assert plain.keys() == {"tables"}
    assert full.keys() == {"tables", "statistics", "render"}


def test_a_batch_is_answered_item_by_item(api: ServedApi) -> None:
    good = {"id": "1", "workspace": "kql-a", "method": "POST", "path": "/query", "body": COUNT}

    answer = api.ask(
        "/v1/$batch", {"requests": [good, {**good, "id": "2", "workspace": "kql-b"}]}, token=A
    )

    one, two = answer.json["responses"]
    assert (answer.status, one["id"], one["status"], two["status"]) == (200, "1", 200, 403)
    assert one["body"]["tables"][0]["rows"] == [[2]]
    assert two["body"]["error"]["code"] == "InsufficientAccessError"
    assert api.ask("/v1/$batch", {"requests": {}}, token=A).status == 400


@pytest.mark.parametrize(("kind", "owners"), [("apps", "applications"), ("workspaces",) * 2])
def test_metadata_names_tables_and_columns(api: ServedApi, kind: str, owners: str) -> None:
    document = api.ask(f"/v1/{kind}/kql-a/metadata", token=A).json

    tables = {table["name"]: table for table in document["tables"]}
    assert tables["traces"]["timespanColumn"] == "timestamp"
    assert {"name", "type", "description"} == tables["AppTraces"]["columns"][0].keys()
    (owner,) = document[owners]
    assert owner["id"] == "kql-a"
    assert set(owner["tables"]) == {table["id"] for table in document["tables"]}


def test_rows_and_bytes_over_the_limit_are_partial_errors(api: ServedApi) -> None:
    """The server of these tests answers at most 20,000 rows and 1 MiB."""
    wide = "range n from 1 to 15000 step 1 | project s = strcat(n, 'x', strrep('y', 100))"

    many = api.ask("/v1/apps/kql-a/query", {"query": "range n from 1 to 20001 step 1"}, token=A)
    large = api.ask("/v1/apps/kql-a/query", {"query": wide}, token=A)

    assert len(rows(many)) == 20_000
    assert 1000 < len(rows(large)) < 15_000
    for answer, limit in ((many, "20000 records"), (large, "1048576 bytes")):
        assert answer.json["error"]["code"] == "PartialError"
        (detail,) = answer.json["error"]["details"]
        assert limit in detail["innererror"]["message"]
