"""The cookbook's questions have the answers that it shows, and every saved query has one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from stepsight._cli.main import cli
from stepsight._cli.saved_queries import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from docs import examples  # noqa: E402 - it is no package that is installed

FAILED = "digits-20261124-020338-d67f"
# What a query has to be told, or that it finds nothing in these runs.
ARGUMENTS = {
    "metric": ("-p", "name=loss"),
    "compare": ("-p", "baseline_run=digits-20261122-02"),
    "mini-batches": ("-p", "run=digits-20261122-02"),
}
WITHOUT_ROWS = {"retries"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with examples.recorded_runs(tmp_path_factory.mktemp("recorded")) as api:
        yield api


@pytest.fixture
def query(recorded: str, clean: Any, tmp_path: Path) -> Any:
    clean(recorded, tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, ["query", *arguments])


@pytest.mark.parametrize("page", examples.PAGES, ids=lambda page: page.stem)
def test_the_answers_of_a_page_are_those_of_today(
    recorded: str, page: Path, tmp_path: Path, golden: Callable[[Path, str], None]
) -> None:
    golden(page, examples.answered(page.read_text("utf-8"), recorded, tmp_path))


def test_the_cookbook_has_twenty_questions() -> None:
    pages = [page.read_text("utf-8") for page in examples.PAGES if page.parent.name == "cookbook"]

    assert sum(page.count("```kql\n") for page in pages) >= 20


@pytest.mark.parametrize("name", sorted(path.stem for path in BUILT_IN.glob("*.kql")))
def test_a_saved_query_of_ours_has_an_answer(query: Any, name: str) -> None:
    result = query(f"@{name}", *ARGUMENTS.get(name, ()), "--format", "json")

    assert (result.exit_code, result.stderr) == (0, "")
    assert (json.loads(result.stdout) == []) == (name in WITHOUT_ROWS)


def test_what_a_saved_query_renders_can_be_drawn(query: Any) -> None:
    drawn = [path.stem for path in BUILT_IN.glob("*.kql") if "| render" in path.read_text("utf-8")]

    for name in drawn:
        result = query(f"@{name}", *ARGUMENTS.get(name, ()), "--chart")
        assert (result.exit_code, result.stderr) == (0, ""), name
    assert len(drawn) >= 5


def test_a_saved_query_can_be_led_on(query: Any) -> None:
    rows = query("@failures | where stepName == 'train' | project stepName", "--format", "csv")

    assert (rows.exit_code, rows.stdout) == (0, "stepName\ntrain\n")


def test_a_run_is_named_as_in_every_command(query: Any) -> None:
    for reference in ("@last", "@last-failed", FAILED, FAILED[:-3]):
        rows = json.loads(query("@timeline", "-p", f"run={reference}", "--format", "json").stdout)
        assert [row["stepName"] for row in rows] == ["prepare", "train", "evaluate"]


def test_an_unknown_run_is_an_error_with_advice(query: Any) -> None:
    result = query("@timeline", "-p", "run=nope")

    assert (result.exit_code, result.stdout) == (1, "")
    assert 'No run has the id, id prefix or name "nope".' in result.stderr


def test_a_day_is_all_of_it(query: Any) -> None:
    days = {}
    for day in ("2026-11-22", "2026-11-23", "2026-11-22/2026-11-24", "2026-11-21"):
        rows = json.loads(query("runs | count", "--timespan", day, "--format", "json").stdout)
        days[day] = rows[0]["Count"]

    assert days == {"2026-11-22": 1, "2026-11-23": 2, "2026-11-22/2026-11-24": 3, "2026-11-21": 0}


def test_explain_shows_the_sql_with_its_parameters(query: Any) -> None:
    text = "declare query_parameters(s:string); steps | where stepName == s | count"

    found = json.loads(query(text, "-p", "s=train", "--explain", "--format", "json").stdout)

    assert "train" in found["parameters"].values()
    assert "train" not in found["sql"]
    assert found["rows"] == 1
    assert found["statistics"]["rows_read"] > 0


def test_a_wrong_query_is_shown_with_its_place(query: Any) -> None:
    result = query("traces | where mesage has 'x'")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[1:] == [
        "  1 | traces | where mesage has 'x'",
        "    |                ~~~~~~",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_page_of_the_query_command_fits_the_terminal(
    recorded: str, clean: Any, tmp_path: Path, terminal: Any, width: int
) -> None:
    clean(recorded, tmp_path)
    pages = (
        ("query", "traces | take 3"),
        ("query", "@failures"),
        ("query", "@metrics", "--explain"),
        ("query", "@memory-curve", "-p", "run=digits-20261122-02"),
        ("query", "@runs-per-day"),
        ("query", "@gaps"),
        ("query", "--list"),
        ("schema",),
    )
    for page in pages:
        term = terminal.Terminal(*page, columns=width)
        assert term.end() == 0
        term.close()
        shown = terminal.plain(term.raw).replace(str(tmp_path), "~")
        lines = shown.splitlines()
        assert max(len(line) for line in lines) <= width, page
