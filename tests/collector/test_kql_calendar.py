"""Starts, ends and sums of periods, up to the ends of what the engine holds, against Python's."""

from __future__ import annotations

import random
from calendar import monthrange
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from kql_store import run_kql
from stepsight_collector.kql.ticks import (
    DAY,
    MAX_DATETIME,
    MIN_DATETIME,
    is_storable,
    print_datetime,
)

if TYPE_CHECKING:
    from stepsight_collector.store import Store

RANDOM = random.Random(1)  # noqa: S311 - the same moments each time
EDGES = [at + shift for at in (MIN_DATETIME, MAX_DATETIME) for shift in (0, 1, -1, 40 * DAY)]
EDGES += [-shift + MAX_DATETIME for shift in (12 * DAY, 40 * DAY, 101 * DAY, 370 * DAY)]
MOMENTS = [each for each in EDGES if is_storable(each)] + [
    RANDOM.randint(MIN_DATETIME, MAX_DATETIME) for _ in range(60)
]
OFFSETS = [0, 1, -1, 11, -13, 500, -2000, 8000, -200_000, 4_294_967_296, 2**63 - 1, -(2**63) + 1]
CASES = [(moment, offset) for moment in MOMENTS for offset in OFFSETS]
FIRST_SUNDAY = date(1970, 1, 4).toordinal() - 1


def start(unit: str, moment: int, offset: int) -> int | None:
    """Ticks of the start of a period, or None beyond the years that Python knows."""
    day = moment // DAY
    if unit == "day":
        return (day + offset) * DAY
    if unit == "week":
        return (day - (day - FIRST_SUNDAY) % 7 + 7 * offset) * DAY
    today = date.fromordinal(day + 1)
    months = today.year * 12 + (today.month - 1 if unit == "month" else 0)
    months += offset * (1 if unit == "month" else 12)
    return first_of(months)


def first_of(months: int) -> int | None:
    year, month = divmod(months, 12)
    return (date(year, month + 1, 1).toordinal() - 1) * DAY if 1 <= year <= 9999 else None


def later(moment: int, months: int) -> int | None:
    today = date.fromordinal(moment // DAY + 1)
    first = first_of(today.year * 12 + today.month - 1 + months)
    if first is None:
        return None
    of = date.fromordinal(first // DAY + 1)
    day = min(today.day, monthrange(of.year, of.month)[1])
    return first + (day - 1) * DAY + moment % DAY


def shown(ticks: int | None) -> str | None:
    return None if ticks is None or not is_storable(ticks) else print_datetime(ticks)


def answers(store: Store, cases: list[tuple[int, int]], *expressions: str) -> list[list[Any]]:
    rows = ", ".join(f"{number}, {moment}, {k}" for number, (moment, k) in enumerate(cases))
    return run_kql(
        store,
        f"datatable(i:long, ticks:long, k:long)[{rows}] | extend t = todatetime(ticks) "
        f"| order by i asc | project {', '.join(expressions)}",
    ).rows


@pytest.mark.parametrize("unit", ["day", "week", "month", "year"])
def test_starts_and_ends_are_right_or_null(kql_store: Store, unit: str) -> None:
    found = answers(kql_store, CASES, f"startof{unit}(t, k)", f"endof{unit}(t, k)")

    expected = []
    for moment, offset in CASES:
        end = start(unit, moment, offset + 1)
        expected.append(
            [shown(start(unit, moment, offset)), shown(None if end is None else end - 1)]
        )
    assert found == expected


@pytest.mark.parametrize("unit", ["month", "year"])
def test_a_start_without_an_offset_is_always_there(kql_store: Store, unit: str) -> None:
    cases = [(moment, 0) for moment in MOMENTS]

    found = answers(kql_store, cases, f"startof{unit}(t)")

    assert found == [[shown(start(unit, moment, 0))] for moment in MOMENTS]


@pytest.mark.parametrize(("unit", "months"), [("month", 1), ("quarter", 3), ("year", 12)])
def test_months_later_is_right_or_null(kql_store: Store, unit: str, months: int) -> None:
    found = answers(kql_store, CASES, f'datetime_add("{unit}", k, t)')

    assert found == [[shown(later(moment, months * offset))] for moment, offset in CASES]


@pytest.mark.parametrize(("unit", "ticks"), [("day", DAY), ("week", 7 * DAY), ("second", 10**7)])
def test_days_later_is_right_or_null(kql_store: Store, unit: str, ticks: int) -> None:
    found = answers(kql_store, CASES, f'datetime_add("{unit}", k, t)')

    assert found == [[shown(moment + offset * ticks)] for moment, offset in CASES]


@pytest.mark.parametrize("days", [-90_000, -30, -1, 1, 30, 90_000])
def test_a_timespan_later_is_right_or_null(kql_store: Store, days: int) -> None:
    cases = [(moment, days) for moment in MOMENTS]

    found = answers(kql_store, cases, f"t + ({days}d)", "t + k * 1d", f"t - ({-days}d)")

    assert found == [[shown(moment + days * DAY)] * 3 for moment in MOMENTS]


@pytest.mark.parametrize("days", [1, 7, 31, 32, 1000, 90_000])
def test_a_bin_is_right_or_null(kql_store: Store, days: int) -> None:
    cases = [(moment, days) for moment in MOMENTS if moment > MIN_DATETIME + 40 * DAY]
    epoch = date(1970, 1, 1).toordinal() - 1

    found = answers(kql_store, cases, f"bin(t, {days}d)", "bin(t, k * 1d)")

    starts = [(moment // DAY - (moment // DAY - epoch) % days) * DAY for moment, _ in cases]
    assert found == [[shown(each)] * 2 for each in starts]


def test_a_datetime_is_made_of_the_parts_that_it_shows(kql_store: Store) -> None:
    parts = "getyear(t), monthofyear(t), dayofmonth(t), hourofday(t), datetime_part('minute', t)"
    cases = [(moment // 600_000_000 * 600_000_000, 0) for moment in MOMENTS]

    found = answers(kql_store, cases, f"make_datetime({parts}, 0)", f"make_datetime({parts}, 7.5)")

    assert found == [[shown(moment), shown(moment + 75_000_000)] for moment, _ in cases]
