from __future__ import annotations

from datetime import datetime, timezone

import pytest

from stepsight._cli.timespan import parse_timespan

NOW = datetime(2026, 11, 25, 1, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", "PT3600S"),
        ("30m", "PT1800S"),
        ("90 s", "PT90S"),
        ("250ms", "PT0.25S"),
        ("1.5h", "PT5400S"),
        ("7d", "P7D"),
        ("2w", "P14D"),
        ("PT12H", "PT12H"),
        ("p1dt6h", "P1DT6H"),
        ("2026-11-24", "2026-11-24T00:00:00Z/2026-11-25T00:00:00Z"),
        ("today", "2026-11-25T00:00:00Z/2026-11-26T00:00:00Z"),
        ("yesterday", "2026-11-24T00:00:00Z/2026-11-25T00:00:00Z"),
        ("2026-11-24T14:00Z", "2026-11-24T14:00:00Z/2026-11-25T01:30:00Z"),
        ("2026-11-24T14:00/", "2026-11-24T14:00:00Z/2026-11-25T01:30:00Z"),
        ("2026-11-24/2026-11-26", "2026-11-24T00:00:00Z/2026-11-26T00:00:00Z"),
        ("2026-11-24T14:00+02:00/now", "2026-11-24T12:00:00Z/2026-11-25T01:30:00Z"),
        ("2h/1h", "2026-11-24T23:30:00Z/2026-11-25T00:30:00Z"),
        ("2026-11-24/P1D", "2026-11-24T00:00:00Z/P1D"),
        ("PT1H/2026-11-24T14:00Z", "PT1H/2026-11-24T14:00:00Z"),
        ("2026-11-24T14:00:00.25Z/1h", "2026-11-24T14:00:00.250000Z/2026-11-25T00:30:00Z"),
    ],
)
def test_a_span_becomes_what_the_api_reads(text: str, expected: str) -> None:
    assert parse_timespan(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lately", "1h, 30m, 7d"),
        ("", "1h, 30m, 7d"),
        ("P", "1h, 30m, 7d"),
        ("PT", "1h, 30m, 7d"),
        ("1y", "1h, 30m, 7d"),
        ("2026-13-01", "1h, 30m, 7d"),
        ("/", "1h, 30m, 7d"),
        ("0h", "longer than 0"),
        ("1h/2h", "a start before the end"),
        ("2026-11-26T00:00Z", "a start before the end"),
        ("2026-11-24/2026-11-24", "a start before the end"),
    ],
)
def test_what_is_no_span_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_timespan(text, NOW)
