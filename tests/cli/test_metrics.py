from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepsight._cli.plot import Series, draw_plot
from stepsight._cli.spark import sparkline

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"
NAN, INF = float("nan"), float("inf")


def test_series_are_listed_with_first_and_last(rows: Any) -> None:
    short = ("name", "points", "first", "last", "min", "max", "last_text")
    series = [[row[name] for name in short] for row in rows("metrics", "nightly-good-1")]

    assert sorted(series) == [
        ["accuracy", 3, 0.5, 0.875, 0.5, 0.875, None],
        ["loss", 5, 2, 0.25, 0.25, 2, None],
        ["rows", 1, 1797, 1797, 1797, 1797, None],
        ["verdict", 2, "NaN", "NaN", "NaN", "NaN", "good"],
    ]


def test_points_keep_nan_and_text(rows: Any) -> None:
    loss = [row["value"] for row in rows("metrics", "nightly-good-1", "loss")]
    verdict = [(row["value"], row["text"]) for row in rows("metrics", "nightly-good-1", "verdict")]

    assert loss == [2, 1, "NaN", 0.5, 0.25]
    assert verdict == [(None, "bad"), (None, "good")]


def test_a_metric_that_does_not_exist_is_an_error(stepsight: Any) -> None:
    result = stepsight("metrics", "nightly-good-1", "los", "--step", "train")

    assert result.exit_code == 1
    assert 'has no metric "los" in step train.' in result.stderr


def test_a_run_without_metrics_is_no_error(stepsight: Any) -> None:
    result = stepsight("metrics", "nightly-bad-1")

    assert result.exit_code == 0
    assert "has no metrics yet" in result.stdout


def test_every_metric_is_drawn(stepsight: Any, golden: Callable[[Path, str], None]) -> None:
    result = stepsight("metrics", "nightly-good-1", "--plot")

    assert (result.exit_code, result.stderr) == (0, "")
    golden(GOLDEN / "metrics-plot.txt", result.stdout)


def test_a_nan_is_a_gap() -> None:
    whole = draw_plot("m", [Series("m", range(5), [1, 1, 1, 1, 1])], 40)
    gap = draw_plot("m", [Series("m", range(5), [1, 1, NAN, 1, 1])], 40)

    middle = [line.partition("┤")[2] + line.partition("│")[2] for line in gap.splitlines()]
    drawn = next(line for line in middle if line.strip())
    assert drawn.strip().count(" ") > 5
    assert gap != whole


def test_several_series_are_told_apart_without_colours() -> None:
    series = [Series("a", range(3), [1, 2, 3]), Series("b", range(3), [3, 2, 1])]

    plot = draw_plot("m", series, 60).splitlines()

    assert [line.split()[:2] for line in plot[-2:]] == [["*", "a"], ["o", "b"]]
    assert {"*", "o"} <= set("".join(plot[1:-4]))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize(
    "values",
    [[1.0, 2.0], [0.0, 0.0], [-1e308, 1e308], [1e-300, 2e-300], [INF, 1.0, -INF, 2.0], [5.0]],
)
def test_a_plot_fits_and_bears_any_values(width: int, values: list[float]) -> None:
    plot = draw_plot("m", [Series("m", range(len(values)), values)], width)

    assert max(len(line) for line in plot.splitlines()) <= max(width, 30)


def test_nothing_finite_is_said() -> None:
    assert draw_plot("m", [Series("m", [0], [NAN])], 80) == "m: no finite value to plot"


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], ""), ([1], ""), ([1, None, 2], "▁█"), ([-1e308, 1e308], "▁█"), ([math.inf, 0, 0], "▄▄")],
)
def test_a_sparkline_bears_any_values(values: list[float | None], expected: str) -> None:
    assert sparkline(values) == expected
