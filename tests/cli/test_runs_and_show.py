from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli._collector import Collector

GOLDEN = Path(__file__).parent / "golden"


def settled(text: str) -> str:
    """Without what changes from day to day."""
    return re.sub(r" *\d+ (d|h|min|s) ago", " N d ago", text)


def test_runs_are_listed_newest_first(stepsight: Any, golden: Callable[[Path, str], None]) -> None:
    result = stepsight("runs", "--experiment", "nightly", "--limit", "10")

    assert (result.exit_code, result.stderr) == (0, "")
    golden(GOLDEN / "runs.txt", re.sub(" +", " ", settled(result.stdout)))


def test_runs_are_chosen_by_status(rows: Any) -> None:
    failed = rows("runs", "--status", "failed")

    assert [run["run_id"] for run in failed] == ["nightly-bad-1"]


@pytest.mark.parametrize("run", ["nightly-good-1", "nightly-bad-1"])
def test_a_run_is_shown_on_one_page(
    stepsight: Any, golden: Callable[[Path, str], None], run: str
) -> None:
    result = stepsight("show", run)

    assert (result.exit_code, result.stderr) == (0, "")
    golden(GOLDEN / f"show-{run}.txt", settled(result.stdout))


@pytest.mark.parametrize("reference", ["nightly-b", "@last-failed", "nightly-bad-1"])
def test_a_run_is_named_by_prefix_or_as_the_last_failed_one(rows: Any, reference: str) -> None:
    assert [step["run_id"] for step in rows("show", reference)] == ["nightly-bad-1"]


def test_a_name_means_the_newest_run_of_that_name(rows: Any) -> None:
    """A run that nobody named has the name of its experiment."""
    named = [run["run_id"] for run in rows("runs") if run["name"] == "nightly"]

    assert len(named) > 1
    assert {span["run_id"] for span in rows("trace", "nightly")} == {named[0]}


def test_an_id_with_a_slash_is_found(rows: Any) -> None:
    assert [step["step_name"] for step in rows("show", "hostile/run-1")] == ["読み込み"]


def test_an_ambiguous_prefix_lists_the_candidates(stepsight: Any) -> None:
    result = stepsight("show", "nightly-")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        'Error: "nightly-" fits 2 runs.\n'
        "    nightly-bad-1\n    nightly-good-1\n  Give more of the id.\n"
    )


def test_an_unknown_run_is_an_error_with_advice(stepsight: Any) -> None:
    result = stepsight("show", "no-such-run")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        'Error: No run has the id, id prefix or name "no-such-run".\n'
        "  stepsight runs lists the runs.\n"
    )


@pytest.mark.parametrize("arguments", [("runs", "--format", "xml"), ("show",), ("nonsense",)])
def test_wrong_usage_is_exit_code_2(stepsight: Any, arguments: tuple[str, ...]) -> None:
    assert stepsight(*arguments).exit_code == 2


def test_no_collector_is_exit_code_3_and_says_what_to_do(stepsight: Any) -> None:
    result = stepsight("runs", "--api", "http://127.0.0.1:9")

    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "Error: No collector answers at http://127.0.0.1:9 (Connection refused).\n"
        "  stepsight up starts one; --api URL or STEPSIGHT_API names another.\n"
    )


def test_another_server_is_not_mistaken_for_a_collector(
    stepsight: Any, collector: Collector
) -> None:
    result = stepsight("runs", "--api", collector.addresses["otlp_http"])

    assert result.exit_code == 3
    assert "is no stepsight collector" in result.stderr


def test_a_wrong_address_is_wrong_usage(stepsight: Any) -> None:
    result = stepsight("runs", "--api", "localhost:8050")

    assert result.exit_code == 2
    assert '--api must be an http:// or https:// address, got "localhost:8050".' in result.stderr


def test_no_runs_yet_says_what_to_do(stepsight: Any, empty_collector: Collector) -> None:
    api = ("--api", empty_collector.addresses["ui"])

    assert stepsight("runs", *api).stdout.startswith("No runs yet.\n  stepsight run -- python")
    assert stepsight("runs", "--format", "json", *api).stdout == "[]\n"
    assert "There are no runs yet" in stepsight("show", "@last", *api).stderr
