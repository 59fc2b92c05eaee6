"""Times as senders tell them: from any year, and of as many days as they like in one request."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from stepsight_collector.receivers.check import REQUEST_TYPES
from stepsight_collector.store.schema import NEAR_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.store import Store

DAY_NS = 86_400 * 10**9
# The last day that a time in nanoseconds of 63 bits can name.
LAST_DAY = 106_751
TABLES = {
    "logs": ("otel_logs", "Timestamp"),
    "traces": ("otel_traces", "Timestamp"),
    "metrics": ("otel_metrics_gauge", "TimeUnix"),
}
COUNT = "SELECT count() FROM {} WHERE ProjectId = {{p:String}}"


def request_of(signal: str, days: Iterable[int]) -> Any:
    """One record at noon of each day since 1970."""
    request: Any = REQUEST_TYPES[signal]()  # type: ignore[index]  # a signal
    kind = "spans" if signal == "traces" else signal
    scope = getattr(getattr(request, f"resource_{kind}").add(), f"scope_{kind}").add()
    for day in days:
        noon = day * DAY_NS + DAY_NS // 2
        if signal == "logs":
            scope.log_records.add(time_unix_nano=noon)
        elif signal == "traces":
            trace_id = day.to_bytes(16, "big")
            scope.spans.add(trace_id=trace_id, span_id=b"s" * 8, start_time_unix_nano=noon)
        else:
            gauge = scope.metrics.add(name="loss").gauge
            gauge.data_points.add(time_unix_nano=noon, as_double=0.5)
    return request


def partitions(store: Store, table: str) -> set[str]:
    sql = "SELECT DISTINCT partition FROM system.parts WHERE active AND table = {t:String}"
    return {row[0] for row in store.query(sql, {"t": table}).rows}


@pytest.mark.parametrize("signal", TABLES)
def test_a_request_over_50_000_days_is_kept_in_few_partitions(
    store: Store, insert: Any, project: str, signal: str
) -> None:
    table, column = TABLES[signal]
    days = range(0, LAST_DAY, 2)

    insert(signal, request_of(signal, days))

    counted = COUNT.format(table) + f" AND {column} >= {{since:String}}"
    found = [
        store.query(counted, {"p": project, "since": since}).rows[0][0]
        for since in ("1970-01-01 00:00:00", "2199-01-01 00:00:00", "2261-12-31 23:59:59")
    ]
    wanted = [date(1970, 1, 1), date(2199, 1, 1), date(2262, 1, 1)]
    first = [(each - date(1970, 1, 1)).days for each in wanted]
    assert found == [sum(day >= since for day in days) for since in first]
    # A year each, and the days near to now; other tests have rows of their own in some.
    assert len(partitions(store, table)) < 293 + 2 * NEAR_DAYS + 10


def test_records_near_to_their_arrival_are_kept_by_day(
    store: Store, insert: Any, project: str
) -> None:
    today = time.time_ns() // DAY_NS

    insert("logs", request_of("logs", range(today - NEAR_DAYS - 2, today + 1)))

    sql = "SELECT _partition_id, count() FROM otel_logs WHERE ProjectId = {p:String} GROUP BY 1"
    rows = store.query(sql, {"p": project}).rows
    by_day = [count for partition, count in rows if len(partition) == len("20261125")]
    by_year = [count for partition, count in rows if len(partition) == len("2026")]
    assert (set(by_day), len(by_day) in {NEAR_DAYS, NEAR_DAYS + 1}) == ({1}, True)
    assert sum(by_day) + sum(by_year) == NEAR_DAYS + 3


def test_the_same_segment_of_odd_times_adds_nothing_twice(
    store: Store, insert: Any, project: str
) -> None:
    request = request_of("logs", range(0, LAST_DAY, 500))
    received = time.time_ns()

    for _ in range(2):
        insert("logs", request, token=f"{project}-same", received=received)

    assert store.query(COUNT.format("otel_logs"), {"p": project}).rows == [[214]]


def test_a_span_that_ends_after_the_last_time_is_stored(
    store: Store, insert: Any, project: str
) -> None:
    request: Any = REQUEST_TYPES["traces"]()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        start_time_unix_nano=2**63 - 2,
        end_time_unix_nano=2**64 - 1,
    )

    insert("traces", request)

    assert store.query(COUNT.format("otel_traces"), {"p": project}).rows == [[1]]
