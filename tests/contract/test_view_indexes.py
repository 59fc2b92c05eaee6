"""Conditions of a query reach the sort key and the indexes of the tables below the views."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from stepsight_collector.query.catalog import SCHEMA
from stepsight_collector.store.view_columns import view_columns

if TYPE_CHECKING:
    from stepsight_collector.store import Store

PROJECT = "view-indexes"
DAYS, RUNS, GRANULES = 4, 40, 20
ROWS = 8192 * GRANULES
RUN_ROWS = ROWS // RUNS
TIME = (
    "toDateTime64('2025-05-01 00:00:00', 9) + "
    f"toIntervalMillisecond(number * {DAYS * 86400000} / {ROWS})"
)
NUMBER = f"toString(intDiv(number, {RUN_ROWS}))"
RUN = f"concat('run-', {NUMBER})"
TABLES = {
    "otel_logs": {
        "Timestamp": TIME,
        "TraceId": f"lower(hex(sipHash128({RUN})))",
        "Body": f"concat('line ', toString(number), ' of word', {NUMBER})",
        "EventName": "if(number % 50000 = 7, 'clicked', '')",
        "LogAttributes": "if(number % 100000 = 77, map('exception.type', 'E'), map())",
    },
    "otel_traces": {
        "Timestamp": TIME,
        "TraceId": f"lower(hex(sipHash128({RUN})))",
        "SpanName": "'work'",
        "SpanKind": "if(number % 2 = 0, 'Server', 'Client')",
        "`Events.Name`": "if(number = 5, ['exception'], [])",
        "`Events.Timestamp`": "if(number = 5, [toDateTime64('2025-05-01', 9)], [])",
        "`Events.Attributes`": "if(number = 5, [map('exception.type', 'E')], [])",
        "`Events.DroppedAttributesCount`": "if(number = 5, [0], [])",
    },
} | {
    f"otel_metrics_{kind}": {"TimeUnix": TIME, "MetricName": "'loss'"}
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary")
}
# Tables of telemetry by time; those of our own without one are not scanned by it.
SCANNED = [
    name
    for name, table in SCHEMA.tables.items()
    if table.source not in {"run_rows", "step_rows", "runMetrics", "miniBatches"}
]


@pytest.fixture(scope="module")
def filled(store: Store) -> Store:
    """Four days of 40 runs, one after the other, in every table that views stand on."""
    writer: Any = store._writers["logs"]
    for table, columns in TABLES.items():
        names = ", ".join(("ProjectId", "RunId", "ReceivedTimestamp", *columns))
        values = ", ".join((f"'{PROJECT}'", RUN, TIME, *columns.values()))
        writer.command(f"INSERT INTO {table} ({names}) SELECT {values} FROM numbers({ROWS})")
        writer.command(f"OPTIMIZE TABLE {table} FINAL")
    return store


def granules(store: Store, source: str, condition: str) -> list[int]:
    """How many granules are read, of each table below a view, of this module's rows.

    They are the same whether the view is named or cut down to its columns, as a query has it.
    """
    named = _granules(store, source, condition)
    narrow = view_columns()[source]
    names = {"ProjectId", *re.findall(r"\w+", condition)}
    cut = f"({narrow.select(frozenset(names & set(narrow.names)))})"
    assert _granules(store, cut, condition) == named
    return named


def _granules(store: Store, source: str, condition: str) -> list[int]:
    writer: Any = store._writers["logs"]
    plan = "\n".join(
        row[0]
        for row in writer.query(
            f"EXPLAIN indexes = 1 SELECT count() FROM {source} "
            f"WHERE ProjectId = '{PROJECT}' AND ({condition})"
        ).result_rows
    )
    found = re.findall(r"ReadFromMergeTree.*?\n.*?Parts: \d+ \| Granules: (\d+)", plan, re.DOTALL)
    assert found or "ReadFromPreparedSource" in plan or "NullSource" in plan, plan
    return [int(count) for count in found]


def time_of(table: str) -> str:
    return SCHEMA.tables[table].time_column


@pytest.mark.parametrize("table", SCANNED)
def test_time_reaches_the_partition_and_the_hour(filled: Store, table: str) -> None:
    day = f"{time_of(table)} >= '2025-05-02 00:00:00' AND {time_of(table)} < '2025-05-03 00:00:00'"
    hour = f"{time_of(table)} >= '2025-05-02 10:00:00' AND {time_of(table)} < '2025-05-02 11:00:00'"

    assert max(granules(filled, table, day), default=0) <= GRANULES // DAYS + 1
    assert max(granules(filled, table, hour), default=0) <= 2


@pytest.mark.parametrize("table", SCANNED)
def test_a_run_reaches_its_index(filled: Store, table: str) -> None:
    assert max(granules(filled, SCHEMA.tables[table].source, "RunId = 'run-7'"), default=0) <= 3


@pytest.mark.parametrize("table", SCANNED)
def test_a_run_that_is_not_there_reads_nothing(filled: Store, table: str) -> None:
    counts = granules(filled, SCHEMA.tables[table].source, "RunId = 'run-7x'")

    assert sum(counts) == 0


@pytest.mark.parametrize(
    "table", ["traces", "exceptions", "requests", "dependencies", "customEvents", "AppRequests"]
)
def test_an_operation_reaches_its_index(filled: Store, table: str) -> None:
    column = "OperationId" if table.startswith("App") else "operation_Id"
    operation = filled.query("SELECT lower(hex(sipHash128('run-7')))").rows[0][0]

    found = granules(filled, table, f"{column} = '{operation}'")
    missing = granules(filled, table, f"{column} = 'not there'")

    assert max(found) <= 3
    assert sum(missing) == 0


@pytest.mark.parametrize(("table", "column"), [("traces", "message"), ("AppTraces", "Message")])
def test_a_term_of_the_message_reaches_the_token_index(
    filled: Store, table: str, column: str
) -> None:
    found = granules(filled, table, f"hasToken(lower({column}), 'word7')")

    assert found == [GRANULES // DAYS]  # the one block of the index that is the day's


@pytest.mark.parametrize("table", ["exceptions", "customEvents", "pageViews"])
def test_rare_items_are_found_without_reading_the_log_lines(filled: Store, table: str) -> None:
    rare = len([n for n in range(ROWS) if n % 100_000 == 77 or n % 50_000 == 7]) + 1  # a span

    assert sum(granules(filled, table, "1")) <= rare


def test_columns_that_are_not_asked_for_are_not_read(filled: Store) -> None:
    read = {
        columns: filled.query(
            f"SELECT {columns} FROM traces WHERE ProjectId = '{PROJECT}' AND RunId = 'run-7'"
        ).bytes_read
        for columns in ("count()", "max(message)", "max(message), max(toString(customDimensions))")
    }

    least, message, everything = read.values()
    assert least < message < everything / 1.3
