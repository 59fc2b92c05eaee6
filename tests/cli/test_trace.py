from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepsight._cli.waterfall import Fold, build_tree, rows_of, walk

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"


def span(name: str, parent: str | None = None) -> dict[str, Any]:
    return {
        "span_id": name,
        "parent_span_id": parent,
        "name": name,
        "started_at": "2026-01-05T08:00:00.000000000Z",
        "duration_ms": 1.0,
        "status": "Ok",
    }


def test_a_failed_operation_is_a_waterfall(
    stepsight: Any, golden: Callable[[Path, str], None]
) -> None:
    result = stepsight("trace", "nightly-bad-1")

    assert (result.exit_code, result.stderr) == (0, "")
    golden(GOLDEN / "trace-bad.txt", result.stdout)


@pytest.mark.parametrize("reference", ["aaaaaa", "AAAAAA", "a" * 32, "nightly-bad", "@last-failed"])
def test_an_operation_is_named_by_id_prefix_or_run(rows: Any, reference: str) -> None:
    spans = [(row["depth"], row["name"], row["log_rows"]) for row in rows("trace", reference)]

    assert spans == [(0, "train", 1), (1, "load data", 0)]


@pytest.mark.parametrize("reference", ["123456", "no-such-run"])
def test_an_unknown_operation_is_an_error(stepsight: Any, reference: str) -> None:
    result = stepsight("trace", reference)

    assert (result.exit_code, result.stdout) == (1, "")
    assert reference in result.stderr


def test_a_run_without_an_operation_says_so(stepsight: Any) -> None:
    result = stepsight("trace", "nightly-good-1")

    assert result.exit_code == 1
    assert "Run nightly-good-1 has no operation" in result.stderr


def test_a_thousand_spans_are_folded_to_the_telling_ones(stepsight: Any) -> None:
    lines = stepsight("trace", "scoring-1", "--depth", "2").stdout.splitlines()

    assert len(lines) < 20
    names = [line.partition("  █")[0].strip() for line in lines]
    assert [name.split()[2] for name in names if name.startswith("✗ mini-batch")] == [
        "100",
        "500",
        "900",
    ]
    assert "bad row in 500" in names
    assert any("… 995 more like mini-batch #" in line for line in lines)


def test_all_shows_every_span(stepsight: Any) -> None:
    lines = stepsight("trace", "scoring-1", "--all").stdout.splitlines()

    assert len(lines) == 4 + 1301 + 3


def test_a_deep_tree_keeps_its_bars(stepsight: Any) -> None:
    lines = stepsight("trace", "scoring-1", "--all").stdout.splitlines()

    deepest = next(line for line in lines if "level 299" in line)
    assert deepest.startswith("300 >")
    assert max(len(line) for line in lines) < 120


def test_depth_says_how_many_are_below(stepsight: Any) -> None:
    lines = stepsight("trace", "scoring-1", "--depth", "1").stdout.splitlines()

    assert len(lines) == 6
    assert "… 1,300 below, 3 failed" in lines[-1]


def test_a_span_whose_parent_is_missing_is_a_root() -> None:
    tree = build_tree([span("b", "gone"), span("c", "b")], [])

    assert [(node.span["name"], node.depth) for node in walk(tree)] == [("b", 0), ("c", 1)]


def test_spans_that_are_each_others_parents_are_all_shown_once() -> None:
    tree = build_tree([span("a", "b"), span("b", "a"), span("c", "c"), span("d", "b")], [])

    assert sorted(node.span["name"] for node in walk(tree)) == ["a", "b", "c", "d"]


def test_folding_loses_no_span() -> None:
    spans = [span("root"), *(span(f"part {n}", "root") for n in range(500))]

    rows = rows_of(build_tree(spans, []))

    shown = sum(len(row.nodes) if isinstance(row, Fold) else 1 for row in rows)
    assert shown == len(spans)
