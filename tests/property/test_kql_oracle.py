"""Random queries against duckdb-kql, another reading of KQL, measured on Microsoft's emulator."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb_kql
import pytest
from hypothesis import HealthCheck, given, seed, settings

from kql_queries import queries
from kql_store import run_kql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight_collector.store import Store

# Where the documentation decides against what duckdb-kql gives: part of a query, and the reason.
DIFFERENCES = (
    ("tostring(a)", "a null's text is the empty text; there strcat() of a null is null"),
    ("round(c", "exact halves: not documented"),
    ("avg(c)", "over nothing null by the table of defaults; there NaN, as one example has it"),
    # And below: a text is never null; there one of an outer join's side without a match is.
)


@pytest.fixture(scope="module")
def other() -> Iterator[Any]:
    with duckdb_kql.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def agreed() -> list[int]:
    """How many queries both have answered."""
    return [0]


@seed(5)
@settings(
    max_examples=120,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(query=queries())
def test_random_queries_give_the_same_rows(
    query: str, kql_store: Store, other: Any, agreed: list[int]
) -> None:
    if any(part in query for part, _ in DIFFERENCES):
        return
    try:
        theirs = duckdb_kql.kql(other, query)
    except duckdb_kql.KqlUnsupportedError:
        return

    ours = run_kql(kql_store, query)

    assert [each.partition(":")[0] for each in ours.columns] == theirs.columns
    texts = {place for place, each in enumerate(ours.columns) if each.endswith(":string")}
    rows = [
        ["" if value is None and place in texts else value for place, value in enumerate(row)]
        for row in theirs.fetchall()
    ]
    assert _comparable(ours.rows) == _comparable(rows)
    agreed[0] += 1


def test_most_of_them_could_be_compared(agreed: list[int]) -> None:
    assert agreed[0] > 75


def _comparable(rows: list[list[Any]]) -> list[list[Any]]:
    """Values in one form, rows in one order."""
    return sorted(([_plain(value) for value in row] for row in rows), key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return "NaN" if math.isnan(value) else round(float(value), 9)
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond:06d}0Z"
    return value
