"""The queries of the Azure docs' article on pipelines and Application Insights, as they are there.

"Collect machine learning pipeline log files in Application Insights", its table of helpful queries,
with line breaks where the page has them. Its first query lacks the closing quote there. Sent by the
article's own handler, OpenCensus' AzureLogHandler.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients.conftest import SCRIPTS, Collector

if TYPE_CHECKING:
    from collections.abc import Callable

TRAINING, SCORING = "931024c2-3720-11ea-b247-c49deda841c1", "a8b1f6c0-3721-11ea-b247-c49deda841c1"
SENT = {TRAINING: ("training", 3), SCORING: ("scoring", 2)}


@pytest.fixture(scope="module")
def logged(process: Collector, tmp_path_factory: pytest.TempPathFactory) -> Collector:
    """A collector that got the lines of a training and of a scoring run."""
    collector = Collector(
        process.grpc, process.http, process.ui, tmp_path_factory.mktemp("article")
    )
    for run_id, (run_type, times) in SENT.items():
        environment = {
            **collector.environment(),
            "APPLICATIONINSIGHTS_CONNECTION_STRING": collector.connection,
        }
        subprocess.run(
            [sys.executable, str(SCRIPTS / "article_logs.py"), run_id, run_type, str(times)],
            env={**os.environ, **environment}, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    collector.rows("SELECT 1")  # waits until everything is stored
    return collector


@pytest.fixture
def ask(logged: Collector) -> Callable[[str], list[dict[str, Any]]]:
    """Ask in KQL; rows as dicts."""

    def answers(query: str) -> list[dict[str, Any]]:
        answer = logged.get(logged.ui + "/api/kql", json.dumps({"query": query}).encode())
        names = [column["name"] for column in answer["columns"]]
        return [dict(zip(names, row, strict=True)) for row in answer["rows"]]

    return answers


def lines(run_type: str, times: int, *levels: str) -> list[str]:
    return sorted(f"{level} {number} of {run_type}" for level in levels for number in range(times))


ALL = ("error", "info", "warning")
CLASSIC = (
    "traces |\nwhere customDimensions.parent_run_id == '931024c2-3720-11ea-b247-c49deda841c1'",
    "traces |\nwhere timestamp > ago(7d)\nand customDimensions.run_type == 'training'",
    "traces |\nwhere timestamp > ago(7d)\nand customDimensions.Level == 'ERROR'",
    (
        "traces |\nwhere timestamp > ago(7d)\nand customDimensions.Level == 'ERROR' |\n"
        "summarize count()"
    ),
)
WORKSPACE = tuple(
    query.replace("traces", "AppTraces")
    .replace("timestamp", "TimeGenerated")
    .replace("customDimensions", "Properties")
    for query in CLASSIC
)
FORMS = pytest.mark.parametrize(
    ("queries", "message", "dimensions"),
    [(CLASSIC, "message", "customDimensions"), (WORKSPACE, "Message", "Properties")],
    ids=["traces", "AppTraces"],
)


@FORMS
def test_lines_of_one_run(
    ask: Any, queries: tuple[str, ...], message: str, dimensions: str
) -> None:
    rows = ask(queries[0])

    assert sorted(row[message] for row in rows) == lines("training", 3, *ALL)
    assert {row[dimensions]["step_id"] for row in rows} == {f"{TRAINING}-step"}


@FORMS
def test_lines_of_training_runs_of_a_week(
    ask: Any, queries: tuple[str, ...], message: str, dimensions: str
) -> None:
    rows = [row for row in ask(queries[1]) if row[dimensions]["parent_run_id"] in SENT]

    assert sorted(row[message] for row in rows) == lines("training", 3, *ALL)


@FORMS
def test_error_lines_of_a_week(
    ask: Any, queries: tuple[str, ...], message: str, dimensions: str
) -> None:
    rows = [row for row in ask(queries[2]) if row[dimensions].get("parent_run_id") in SENT]

    assert sorted(row[message] for row in rows) == sorted(
        lines("scoring", 2, "error") + lines("training", 3, "error")
    )


@FORMS
def test_error_lines_of_a_week_counted(
    ask: Any, queries: tuple[str, ...], message: str, dimensions: str
) -> None:
    [row] = ask(queries[3])

    # Other tests of the session log errors too: as many as the query before this one gives.
    assert row == {"count_": len(ask(queries[2]))}
    assert row["count_"] >= 5
