"""Rows of the Application Insights views, of the fixed data in tests/support/kql_records.py and
kql_envelopes.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kql_data import ELSEWHERE, load
from kql_records import CHAIN, LOGS, SPANS, TRACEBACK
from kql_rows import row_at, rows_of
from stepsight_collector.query.catalog import SCHEMA

if TYPE_CHECKING:
    from stepsight_collector.store import Store


def test_log_lines_of_every_kind_are_traces_and_nothing_else_is(kql_store: Store) -> None:
    rows = [row for row in rows_of(kql_store, "traces") if not row["iKey"]]

    assert [row["message"] for row in rows] == [log.body for log in LOGS]
    assert {row["itemType"] for row in rows} == {"trace"}


def test_every_row_has_an_id_of_its_own_that_stays(kql_store: Store) -> None:
    tables = [name for name, table in SCHEMA.tables.items() if table.columns[-1].name == "itemId"]

    ids = [row["itemId"] for name in tables for row in rows_of(kql_store, name)]
    again = [row["itemId"] for name in tables for row in rows_of(kql_store, name)]

    assert len(ids) > 80
    assert len(set(ids)) == len(ids)
    assert ids == again


def test_level_answers_in_both_spellings(kql_store: Store) -> None:
    answer = kql_store.query(
        "SELECT message, Level, LevelName FROM traces WHERE ProjectId = 'golden' AND message IN "
        "('disk full', '100%_sure, no level', 'out of memory', 'bought', 'sampled') "
        "ORDER BY timestamp"
    )

    assert answer.rows == [
        ["disk full", "ERROR", "ERROR"],
        ["100%_sure, no level", "custom", "custom"],
        ["out of memory", "FATAL", "FATAL"],
        ["bought", "INFO", "INFO"],
        ["sampled", "ERROR", "ERROR"],
    ]


def test_requests_are_named_as_the_exporter_of_azure_monitor_names_them(kql_store: Store) -> None:
    columns = ("id", "source", "name", "url", "success", "resultCode", "duration",
               "performanceBucket")  # fmt: skip

    rows = rows_of(kql_store, "requests")

    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("00000000000000aa", "", "prep", "", "True", "0", 3600000, ">=5min"),
        ("00000000000000ab", "", "train", "", "True", "0", 7200000, ">=5min"),
        ("00000000000000bb", "", "score", "", "False", "0", 120000, "2min-5min"),
        ("00000000000000c1", "", "GET /items/{id}", "https://api.example/items/7?full=1", "True",
         "200", 20, "<250ms"),
        ("00000000000000c2", "", "POST /items", "http://api.example:81/items", "False", "404",
         300000, ">=5min"),
        ("00000000000000c3", "broker.example/lines", "process", "", "True", "0", 1, "<250ms"),
        ("e" * 16, "mobile", "GET /buy", "https://shop.example/buy", "True", "200", 499,
         "250ms-500ms"),
        ("|job 7.2.", "", "POST /pay", "", "False", "500", 60000, "1min-2min"),
        ("f" * 16, "", "f" * 16, "", "True", "", 0, "<250ms"),
    ]  # fmt: skip


def test_dependencies_have_type_target_and_data_of_their_conventions(kql_store: Store) -> None:
    columns = ("type", "target", "name", "data", "success", "resultCode", "duration",
               "performanceBucket", "operation_ParentId")  # fmt: skip

    rows = rows_of(kql_store, "dependencies")

    step = "00000000000000aa"
    assert [tuple(row[column] for column in columns) for row in rows[:7]] == [
        ("HTTP", "store.example", "GET /data", "https://store.example/data?x=1", "True", "200",
         249.9, "<250ms", step),
        ("HTTP", "store.example:8080", "GET /none", "http://store.example:8080/none", "False",
         "503", 250, "250ms-500ms", step),
        ("postgresql", "db.example|shop", "SELECT rows", "SELECT 1", "True", "0", 500,
         "500ms-1sec", step),
        ("SQL", "sql.example:1434|old", "query", "SELECT 2", "True", "0", 1000, "1sec-3sec", step),
        ("grpc", "scorer", "Score/Do", "", "True", "0", 3000, "3sec-7sec", step),
        ("Queue Message | kafka", "lines", "send", "", "True", "0", 7000, "7sec-15sec", step),
        ("InProc", "", "load data", "", "True", "0", 15000, "15sec-30sec", step),
    ]  # fmt: skip
    assert len(rows) == len([s for s in SPANS if s.kind not in {"SERVER", "CONSUMER"}]) + 2


def test_who_called_and_who_has_signed_in_are_taken_from_the_conventions(kql_store: Store) -> None:
    row = row_at(kql_store, "requests", "2025-03-12T00:00:10")

    assert (row["client_IP"], row["user_AuthenticatedId"]) == ("10.0.0.9", "ann")


EXCEPTIONS = (
    ("2025-03-10T10:45:00", "OSError", "gone", "", "OSError", "OSError", "gone", "gone", 2),
    ("2025-03-11T12:00:01", "RuntimeError", "cannot score", "", "RuntimeError", "RuntimeError",
     "cannot score", "cannot score", None),
    ("2025-03-11T12:00:41", "TimeoutError", "took too long", "", "TimeoutError", "TimeoutError",
     "took too long", "took too long", None),
    ("2025-03-11T12:01:00", "ValueError at load", "could not load", "load", "ValueError",
     "ValueError", "bad row 7", "bad row 7", 3),
    ("2025-03-11T12:01:01", "RuntimeError at main", "cannot score", "main", "RuntimeError",
     "KeyError", "cannot score", "'x'", 3),
    ("2025-03-11T12:02:00", "RuntimeError at main", "cannot score", "main", "RuntimeError",
     "KeyError", "cannot score", "'x'", 3),
    ("2025-03-12T08:00:04", "ValueError at buy", "no price", "buy", "ValueError", "ValueError",
     "no price", "no price", 3),
    ("2025-03-12T08:00:05", "P1", "o", "top", "Outer", "Inner", "o", "i", None),
)  # fmt: skip


def test_exceptions_come_from_logs_spans_and_ends_of_steps(kql_store: Store) -> None:
    rows = rows_of(kql_store, "exceptions")

    assert [
        (
            row["timestamp"][:19], row["problemId"], row["message"], row["method"],
            row["outerType"], row["innermostType"], row["outerMessage"], row["innermostMessage"],
            row["severityLevel"],
        )
        for row in rows
    ] == list(EXCEPTIONS)  # fmt: skip


def test_details_are_the_chain_that_was_sent_or_made_of_the_one_there_is(kql_store: Store) -> None:
    rows = {row["timestamp"][:19]: row for row in rows_of(kql_store, "exceptions")}

    assert rows["2025-03-11T12:01:01"]["details"] == CHAIN
    assert json.loads(rows["2025-03-11T12:01:00"]["details"]) == [
        {
            "id": 1,
            "outerId": 0,
            "typeName": "ValueError",
            "message": "bad row 7",
            "hasFullStack": True,
            "stack": TRACEBACK,
        }
    ]
    assert rows["2025-03-12T08:00:05"]["innermostAssembly"] == "shop"


def test_metrics_of_every_kind_are_rows(kql_store: Store) -> None:
    columns = ("name", "value", "valueCount", "valueMin", "valueMax", "valueStdDev")

    rows = sorted(rows_of(kql_store, "customMetrics"), key=lambda r: (r["timestamp"], r["name"]))

    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("process.cpu.utilization", 0.25, 1, 0.25, 0.25, None),
        ("queue.size", 3, 1, 3, 3, None),
        ("rows.read", 300, 1, 300, 300, None),
        ("queue.size", 4.5, 1, 4.5, 4.5, None),
        ("loss", 0.9, 1, 0.9, 0.9, None),
        ("loss", 0.5, 1, 0.5, 0.5, None),
        ("loss", "NaN", 1, "NaN", "NaN", None),
        ("note", None, 1, None, None, None),
        ("no.extremes", 5, 2, None, None, None),
        ("score.duration", 10, 4, 1, 4, None),
        ("score.size", 6, 3, 1, 3, None),
        ("score.wait", 15, 5, 1, 5, None),
        ("stock", 7, 1, 7, 7, None),
        ("price", 30, 3, 5, 15, 4.5),
        ("partial", 8, 2, 8, 8, None),
    ]


def test_a_metric_keeps_its_operation_and_its_user(kql_store: Store) -> None:
    columns = (
        "operation_Id",
        "operation_ParentId",
        "operation_Name",
        "user_Id",
        "customDimensions",
    )

    stock = row_at(kql_store, "customMetrics", "2025-03-12T08:00:15")
    partial = row_at(kql_store, "customMetrics", "2025-03-12T08:00:17")

    assert [stock[name] for name in columns] == [
        "d" * 32, "d" * 16, "GET /buy", "u-1", {"shelf": "A"},
    ]  # fmt: skip
    assert [partial[name] for name in columns] == ["job 7", "", "", "", {}]


def test_a_counter_is_taken_apart(kql_store: Store) -> None:
    columns = ("name", "category", "counter", "instance", "value")

    rows = rows_of(kql_store, "performanceCounters")

    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("process.cpu.utilization", "process", "cpu.utilization", "", 0.25),
        ("% Processor Time", "Processor", "% Processor Time", "_Total", 12.5),
        ("Queue Length", "", "Queue Length", "", 4),
    ]


def test_events_pages_and_tests_have_their_tables(kql_store: Store) -> None:
    events = [
        (row["name"], row["customMeasurements"]) for row in rows_of(kql_store, "customEvents")
    ]
    [page] = rows_of(kql_store, "pageViews")
    [timing] = rows_of(kql_store, "browserTimings")
    tests = rows_of(kql_store, "availabilityResults")

    assert events == [
        ("epoch.end", None),
        ("epoch.end", None),
        ("checkout", '{"items": 3, "total": 9.5}'),
        ("clicked", '{"x":1,"y":2.5}'),
    ]
    assert (page["duration"], page["performanceBucket"]) == (2500, "1sec-3sec")
    durations = ("network", "send", "receive", "processing", "total")
    assert [timing[f"{name}Duration"] for name in durations] == [100, 200, 300, 400, 1000]
    assert [
        (row["name"], row["location"], row["success"], row["message"], row["duration"])
        for row in tests
    ] == [
        ("ping", "here", "False", "answered", 1500),
        ("front page", "Vienna", "True", "Passed", 300),
    ]


@pytest.mark.parametrize(
    ("classic", "workspace"),
    [
        ("traces", "AppTraces"),
        ("exceptions", "AppExceptions"),
        ("requests", "AppRequests"),
        ("dependencies", "AppDependencies"),
        ("customEvents", "AppEvents"),
        ("customMetrics", "AppMetrics"),
        ("pageViews", "AppPageViews"),
        ("availabilityResults", "AppAvailabilityResults"),
        ("performanceCounters", "AppPerformanceCounters"),
        ("browserTimings", "AppBrowserTimings"),
    ],
)
def test_a_workspace_table_has_the_rows_of_its_classic_one(
    kql_store: Store, classic: str, workspace: str
) -> None:
    renamed = {"success", "itemType"}
    columns = [c for c in SCHEMA.tables[classic].columns if c.name not in renamed]
    names = {c.description: c.name for c in SCHEMA.tables[workspace].columns}
    pairs = [(c.name, names[c.description]) for c in columns if c.description in names]
    assert len(pairs) >= 20

    old, new = (
        kql_store.query(
            f"SELECT {', '.join(f'`{pair[place]}`' for pair in pairs)} FROM {table} "
            f"WHERE ProjectId = 'golden' ORDER BY ALL"
        ).rows
        for place, table in enumerate((classic, workspace))
    )

    assert json.dumps(new) == json.dumps(old)


def test_success_is_text_in_classic_tables_and_a_bool_in_workspaces(kql_store: Store) -> None:
    classic = kql_store.query(
        "SELECT success, count() FROM requests WHERE ProjectId = 'golden' GROUP BY 1 ORDER BY 1"
    )
    workspace = kql_store.query(
        "SELECT Success, count() FROM AppRequests WHERE ProjectId = 'golden' GROUP BY 1 ORDER BY 1"
    )

    assert classic.rows == [["False", 3], ["True", 6]]
    assert workspace.rows == [[False, 3], [True, 6]]


def test_another_project_has_its_own_rows(kql_store: Store) -> None:
    counts = {
        name: len(
            kql_store.query(
                f"SELECT 1 FROM {table.source} WHERE {table.project_column} = {{p:String}}",
                {"p": ELSEWHERE},
            ).rows
        )
        for name, table in SCHEMA.tables.items()
        if not name.startswith("App")
    }

    assert {name: count for name, count in counts.items() if count} == {
        "traces": 2,
        "requests": 1,
        "customMetrics": 1,
        "runs": 1,
        "steps": 1,
    }


def test_loading_twice_adds_nothing(kql_store: Store) -> None:
    before = kql_store.query("SELECT count() FROM otel_logs WHERE ProjectId = 'golden'").rows

    load(kql_store)

    assert (
        kql_store.query("SELECT count() FROM otel_logs WHERE ProjectId = 'golden'").rows == before
    )
