"""The forms of a query's timespan, and what is said of those that are none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsight_collector.query.times import format_timespan, to_ticks
from stepsight_collector.query.timespan import TimespanError, both, parse_timespan

NOW = to_ticks(datetime(2026, 11, 25, tzinfo=timezone.utc))
DAY, HOUR, SECOND = 864_000_000_000, 36_000_000_000, 10_000_000


def at(*parts: int) -> int:
    return to_ticks(datetime(*parts, tzinfo=timezone.utc))  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P1D", DAY),
        ("P7D", 7 * DAY),
        ("P2W", 14 * DAY),
        ("PT12H", 12 * HOUR),
        ("PT5M", HOUR // 12),
        ("P1M", 30 * DAY),
        ("P1Y", 365 * DAY),
        ("P1Y2M3W4DT5H6M7S", (365 + 60 + 21 + 4) * DAY + 5 * HOUR + 6 * HOUR // 60 + 7 * SECOND),
        ("PT86400.0S", DAY),  # as azure-monitor-query sends a day
        ("PT0.0000001S", 1),
        ("PT1e-06S", 10),
        ("PT1,5H", HOUR + HOUR // 2),
        ("P0.5D", DAY // 2),
        ("pt1h", HOUR),
        (" PT1H ", HOUR),
    ],
)
def test_a_duration_ends_now(text: str, length: int) -> None:
    assert parse_timespan(text, NOW) == (NOW - length, None)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-01-01/2026-01-02", at(2026, 1, 1), at(2026, 1, 2)),
        ("2026-01-01T08:30Z/2026-01-01T09:00:00Z", at(2026, 1, 1, 8, 30), at(2026, 1, 1, 9)),
        (
            "2026-01-01T00:00:00.000Z/2026-01-02T00:00:00.000Z",
            at(2026, 1, 1),
            at(2026, 1, 2),
        ),
        (
            "2026-01-01T00:00:00.1234567+02:00/2026-01-01T00:00:00",
            at(2025, 12, 31, 22) + 1_234_567,
            at(2026, 1, 1),
        ),
        ("2026-01-01 10:00:00/2026-01-01 11:00:00", at(2026, 1, 1, 10), at(2026, 1, 1, 11)),
        ("2026-01-01T00:00:00Z/PT2H", at(2026, 1, 1), at(2026, 1, 1, 2)),
        ("PT2H/2026-01-01T00:00:00Z", at(2025, 12, 31, 22), at(2026, 1, 1)),
        ("2026-01-01/2026-01-01", at(2026, 1, 1), at(2026, 1, 1)),
        ("0001-01-01/9999-12-31T23:59:59.9999999", 0, at(9999, 12, 31) + DAY - 1),
        ("P1Y/0001-01-01", 0, 0),
    ],
)
def test_two_of_start_end_and_duration(text: str, start: int, end: int) -> None:
    assert parse_timespan(text, NOW) == (start, end)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is neither an ISO 8601 duration"),
        ("P", "is neither an ISO 8601 duration"),
        ("PT", "is neither an ISO 8601 duration"),
        ("P1DT", "is neither an ISO 8601 duration"),
        ("1d", "is neither an ISO 8601 duration"),
        ("-P1D", "is neither an ISO 8601 duration"),
        ("2026-01-01", "is neither an ISO 8601 duration"),
        ("2026-01-01/", 'has "" where a date and time must stand'),
        ("P1D/P1D", 'has "P1D" where a date and time must stand'),
        ("yesterday/2026-01-01", 'has "yesterday" where a date and time must stand'),
        ("2026-02-30/2026-03-01", 'has "2026-02-30", which is no time: day is out of range'),
        ("2026-01-01T25:00Z/P1D", "which is no time: hour must be in 0..23"),
        ("2026-01-02/2026-01-01", "ends before it starts: swap its parts"),
        ("P1D/2026-01-01/P1D", "where a date and time must stand"),
        ("P9999999999999999D", "is neither an ISO 8601 duration"),
    ],
)
def test_what_is_no_timespan_is_said(text: str, says: str) -> None:
    with pytest.raises(TimespanError) as caught:
        parse_timespan(text, NOW)

    assert says in str(caught.value)


def test_two_timespans_hold_both() -> None:
    ranges = [None, (1, None), (2, 9), (5, 6)]

    assert [both(one, other) for one, other in product(ranges, ranges)] == [
        None, (1, None), (2, 9), (5, 6),
        (1, None), (1, None), (2, 9), (5, 6),
        (2, 9), (2, 9), (2, 9), (5, 6),
        (5, 6), (5, 6), (5, 6), (5, 6),
    ]  # fmt: skip


@given(st.timedeltas(min_value=timedelta(0)))
def test_a_timedelta_as_the_azure_sdk_writes_it_is_read_back(length: timedelta) -> None:
    start, end = parse_timespan(f"0001-01-01/PT{length.total_seconds()}S", NOW)

    assert start == 0
    assert end is not None
    expected = (length.days * 86_400 + length.seconds) * SECOND + length.microseconds * 10
    assert abs(end - min(expected, at(9999, 12, 31) + DAY - 1)) <= 10_000


@pytest.mark.parametrize(
    ("ticks", "text"),
    [
        (0, "00:00:00"),
        (1, "00:00:00.0000001"),
        (-1, "-00:00:00.0000001"),
        (SECOND, "00:00:01"),
        (DAY, "1.00:00:00"),
        (-(DAY + HOUR), "-1.01:00:00"),
        (2**63 - 1, "10675199.02:48:05.4775807"),
        (-(2**63), "-10675199.02:48:05.4775808"),
    ],
)
def test_a_timespan_is_written_as_kql_does(ticks: int, text: str) -> None:
    assert format_timespan(ticks) == text
