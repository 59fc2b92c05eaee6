"""What a query renders, as text: every chart in a golden file, and what any rows may do to it."""

from __future__ import annotations

import contextlib
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from stepsight._cli.axis import nice_range, number_ticks, time_ticks
from stepsight._cli.chart import chart_lines
from stepsight._cli.chart_data import NotDrawableError
from stepsight._cli.units import Unit, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden" / "charts"
TIME = ("timestamp", "datetime")
STEP, COUNT = ("step_name", "string"), ("count_", "long")


def answer(columns: list[tuple[str, str]], rows: list[list[Any]], chart: str, **given: Any) -> Any:
    return {
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "rows": rows,
        "render": {"chart": chart, "properties": given},
    }


def at(minute: int) -> str:
    return f"2026-01-05T{8 + minute // 60:02d}:{minute % 60:02d}:00.0000000Z"


def by_step(minutes: int) -> list[list[Any]]:
    chance = random.Random(1)  # noqa: S311 - a figure, no secret
    return [
        [at(5 * n), step, chance.randint(0, 50) + 30 * k]
        for n in range(minutes)
        for k, step in enumerate(("train", "prepare"))
    ]


def single(minutes: int) -> list[list[Any]]:
    return [[time, value] for time, step, value in by_step(minutes) if step == "train"]


STEPS = [["prepare", 3], ["train", 14], ["evaluate", 23], ["batch_score", 7]]
CHARTS = {
    "timechart": answer([TIME, COUNT], single(40), "timechart", title="Rows in five minutes"),
    "timechart-series": answer([TIME, STEP, COUNT], by_step(40), "timechart"),
    "timechart-columns": answer(
        [TIME, ("p50_s", "real"), ("p95_s", "real")],
        [[at(n), 30 + n % 7, 90 + 5 * (n % 5)] for n in range(30)],
        "timechart",
        ycolumns=["p50_s", "p95_s"],
        ytitle="elapsed_s",
    ),
    "timechart-series-arrays": answer(
        [("step_name", "string"), ("n", "dynamic"), ("timestamp", "dynamic")],
        [[step, [k, 2, 8, 4], [at(n) for n in range(4)]] for k, step in enumerate("ab")],
        "timechart",
    ),
    "linechart": answer(
        [("epoch", "long"), ("loss", "real")], [[n, 2 / (1 + n)] for n in range(30)], "linechart"
    ),
    "areachart": answer(
        [TIME, ("memory_bytes", "long")],
        [[at(n), (900 + 40 * (n % 9)) * 2**20] for n in range(40)],
        "areachart",
    ),
    "areachart-stacked": answer([TIME, STEP, COUNT], by_step(40), "areachart", kind="stacked"),
    "areachart-stacked100": answer(
        [TIME, STEP, COUNT], by_step(40), "areachart", kind="stacked100"
    ),
    "scatterchart": answer(
        [("epoch", "long"), ("loss", "real")],
        [[n, 2 / (1 + n % 13)] for n in range(60)],
        "scatterchart",
    ),
    "columnchart-time": answer([TIME, COUNT], [r for r in single(14) if r[1] != 9], "columnchart"),
    "columnchart-series": answer([TIME, STEP, COUNT], by_step(12), "columnchart"),
    "columnchart-stacked": answer([TIME, STEP, COUNT], by_step(12), "columnchart", kind="stacked"),
    "columnchart-names": answer([STEP, COUNT], STEPS, "columnchart"),
    "columnchart-long-names": answer(
        [STEP, COUNT], [["prepare data from the blob store", 3], *STEPS[1:]], "columnchart"
    ),
    "barchart": answer(
        [STEP, ("avg_duration", "real")],
        [["train", 15000.0], ["evaluate", 120.5], ["prepare", 0.25]],
        "barchart",
    ),
    "barchart-negative": answer(
        [STEP, ("change", "real")], [["train", -5.5], ["evaluate", 2.0]], "barchart"
    ),
    "barchart-series": answer(
        [STEP, ("severity", "string"), COUNT],
        [["train", "Error", 15], ["train", "Info", 150], ["evaluate", "Error", 12]],
        "barchart",
    ),
    "barchart-stacked": answer(
        [STEP, ("severity", "string"), COUNT],
        [["train", "Error", 15], ["train", "Info", 150], ["evaluate", "Error", 12]],
        "barchart",
        kind="stacked",
    ),
    "piechart": answer([STEP, COUNT], STEPS, "piechart", title="Log rows by step"),
    "card": answer([("runs", "long"), ("longest", "timespan")], [[1234567, "1.02:03:04"]], "card"),
}


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("width", [80, 120])
def test_a_chart_looks_so(name: str, width: int, golden: Callable[[Path, str], None]) -> None:
    lines = [line.rstrip() for line in chart_lines(CHARTS[name], width, colors=False)]

    assert max(map(cell_len, lines)) <= width
    golden(GOLDEN / f"{name}-{width}.txt", "\n".join(lines) + "\n")


def test_the_properties_of_render_are_honoured() -> None:
    chart = answer(
        [TIME, STEP, COUNT, ("other", "long")],
        [[at(n), "train", n, 1000] for n in range(4)],
        "linechart",
        title="T",
        xtitle="X",
        ytitle="Y",
        xcolumn="other",
        ycolumns="count_",
        series="step_name",
        legend="hidden",
        ymin=-10,
        ymax=10,
    )

    lines = chart_lines(chart, 60, colors=False)

    assert lines[0] == "T  Y"
    assert [line.split("┤")[0].strip() for line in lines if "┤" in line] == [
        "10", "5", "0", "-5", "-10",
    ]  # fmt: skip
    assert lines[-1].strip() == "X"


def test_more_series_than_can_be_told_apart_are_counted() -> None:
    rows = [[at(n), f"step{k:02d}", k] for n in range(3) for k in range(20)]

    lines = chart_lines(answer([TIME, STEP, COUNT], rows, "timechart"), 80, colors=False)

    names = [line.split()[1] for line in lines if "last" in line]
    assert names == [f"step{k}" for k in range(12, 20)]
    assert lines[-1] == "  and 12 more series; where or top in the query picks others"


def test_more_bars_than_a_page_are_counted() -> None:
    rows = [[f"step {n}", n] for n in range(1000)]

    lines = chart_lines(answer([STEP, COUNT], rows, "barchart"), 80, colors=False)

    assert len(lines) == 42
    assert lines[-1] == "  and 960 more bars; top in the query picks some"


@pytest.mark.parametrize(
    ("columns", "chart", "given", "message"),
    [
        ([STEP, COUNT], "timechart", {}, "timechart needs a column of times"),
        ([STEP, ("x", "string")], "barchart", {}, "needs a column of numbers"),
        ([STEP, COUNT], "barchart", {"xcolumn": "nope"}, 'the column "nope"'),
        ([STEP, COUNT], "treemap", {}, "a treemap cannot be drawn"),
        ([STEP, ("huge", "real")], "barchart", {}, "beyond 1e300"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    columns: list[tuple[str, str]], chart: str, given: dict[str, Any], message: str
) -> None:
    rows = [["a", {"huge": 1e301, "x": "b"}.get(columns[1][0], 1)]]

    with pytest.raises(NotDrawableError, match=message):
        chart_lines(answer(columns, rows, chart, **given), 80, colors=False)


VALUES = st.none() | st.sampled_from(["NaN", "Infinity", "-Infinity"]) | st.floats(allow_nan=False)
NAMES = st.sampled_from(["", "train", "読み込み", "x" * 200, "\x1b[2J"])
PLOTS = ("timechart", "linechart", "areachart", "scatterchart")
OTHERS = ("columnchart", "barchart", "piechart")


@example(rows=[(0, "", 1e308)], chart="timechart", kind="default", width=30, by_name=False)
@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 600), NAMES, VALUES), max_size=12),
    chart=st.sampled_from([*PLOTS, *OTHERS]),
    kind=st.sampled_from(["default", "stacked", "stacked100"]),
    width=st.sampled_from([30, 80, 200]),
    by_name=st.booleans(),
)
def test_a_chart_bears_any_values_and_fits(
    rows: list[tuple[int, str, Any]], chart: str, kind: str, width: int, by_name: bool
) -> None:
    columns = [STEP, COUNT] if by_name and chart in OTHERS else [TIME, STEP, ("v", "real")]
    shown = [[n, v] if len(columns) == 2 else [at(m), n, v] for m, n, v in rows]

    with contextlib.suppress(NotDrawableError):
        lines = chart_lines(answer(columns, shown, chart, kind=kind), width, colors=False)
        assert max(cell_len(line.rstrip()) for line in lines) <= max(width, 60)
        assert all(c.isprintable() for line in lines for c in line)


@given(st.lists(st.floats(-1e12, 1e12), min_size=1), st.booleans())
def test_an_axis_covers_its_values(values: list[float], from_zero: bool) -> None:
    low, high = nice_range(values, Unit(), from_zero=from_zero)

    room = (high - low) * 1e-9
    assert low - room <= min(values)
    assert high + room >= max(values)


@given(st.floats(1e9, 2e9), st.floats(1e-2, 1e9), st.integers(2, 12))
def test_marks_are_inside_and_not_too_many(low: float, span: float, most: int) -> None:
    for ticks in (time_ticks(low, low + span, most), number_ticks(low, low + span, most)):
        assert len(ticks) <= most + 1
        assert all(low - 1e-3 <= x <= low + span + 1e-3 for x, _ in ticks)


@pytest.mark.parametrize(
    ("name", "kind", "value", "expected"),
    [
        ("avg_duration", "real", 1500, "1.5 s"),
        ("percentile_duration_95", "real", 250, "250 ms"),
        ("DurationMs", "real", 90_000, "1.5 min"),
        ("duration_s", "real", 7200, "2 h"),
        ("max_took", "timespan", 0.25, "250 ms"),
        ("memory_peak_bytes", "long", 3 << 30, "3 GiB"),
        ("count_", "long", 1234567, "1,234,567"),
        ("loss", "real", 0.123456, "0.1235"),
        ("loss", "real", math.inf, "inf"),
    ],
)
def test_a_column_tells_its_unit(name: str, kind: str, value: float, expected: str) -> None:
    assert unit_of(name, kind, value).text(value) == expected
