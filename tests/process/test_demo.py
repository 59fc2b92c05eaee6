"""The demo as a newcomer meets it: one command, without a terminal, in an empty home directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stepsight._demo.pipeline import STEPS, run_pipeline

if TYPE_CHECKING:
    from pathlib import Path

DEMO_TIMEOUT_S = 120
NOBODY_LISTENS = "http://127.0.0.1:9"


def clean_environment(home: Path) -> dict[str, str]:
    """The environment without settings of ours, ports chosen by the system."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STEPSIGHT_")}
    ports = ("STEPSIGHT_GRPC_PORT", "STEPSIGHT_HTTP_PORT", "STEPSIGHT_UI_PORT")
    return {
        **kept,
        **dict.fromkeys(ports, "0"),
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "STEPSIGHT_API": NOBODY_LISTENS,
        "COLUMNS": "160",
        "PYTHONIOENCODING": "utf-8",
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    home = tmp_path_factory.mktemp("home")
    return subprocess.run(
        [sys.executable, "-m", "stepsight._cli.main", "demo", "--fail", "evaluate"],
        env=clean_environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEMO_TIMEOUT_S,
        check=False,
    )


def section(output: str, command: str) -> str:
    """What stands under the heading `$ stepsight COMMAND …`."""
    _, _, rest = output.partition(f"$ stepsight {command}")
    return rest.partition("\n$ stepsight ")[0]


def test_a_failure_on_purpose_is_no_failure_of_the_demo(
    demo: subprocess.CompletedProcess[str],
) -> None:
    assert (demo.returncode, demo.stderr) == (0, ""), demo.stdout + demo.stderr


def test_every_step_has_a_line_with_its_sign(demo: subprocess.CompletedProcess[str]) -> None:
    lines = re.findall(r"^  ([✓✗]) (\w+)", demo.stdout, re.MULTILINE)

    good = [("✓", name) for name in STEPS]
    assert lines == [*good, ("✓", "prepare"), ("✓", "train"), ("✗", "evaluate")]


def test_both_runs_are_listed(demo: subprocess.CompletedProcess[str]) -> None:
    runs = section(demo.stdout, "runs")

    assert len(set(re.findall(r"digits-\d{8}-\d{6}-\w+", runs))) == 2
    assert "Completed" in runs
    assert "Failed" in runs


def test_the_failed_step_is_shown_with_its_cause(demo: subprocess.CompletedProcess[str]) -> None:
    shown = section(demo.stdout, "show @last")

    assert re.search(r"evaluate.*Failed", shown)
    assert "X has 56 features" in shown
    assert "batch_score" not in shown


def test_the_log_ends_with_the_traceback(demo: subprocess.CompletedProcess[str]) -> None:
    assert "is expecting 64 features" in section(demo.stdout, "logs @last")


def test_the_loss_is_plotted(demo: subprocess.CompletedProcess[str]) -> None:
    assert "loss" in section(demo.stdout, "metrics ").partition("\n")[2]


def test_the_waterfall_has_all_steps_and_their_spans(
    demo: subprocess.CompletedProcess[str],
) -> None:
    waterfall = section(demo.stdout, "trace ")

    names = (*STEPS, "import libraries", "epoch 12", "confusion matrix", "mini-batch")
    assert [name for name in names if name not in waterfall] == []


@pytest.mark.parametrize(
    ("fail", "cause"),
    [
        ("prepare", "FileNotFoundError: .*digits.npz"),
        ("train", "FloatingPointError: loss is NaN after epoch 1"),
        ("batch_score", "3 inputs failed, error_threshold allows 2"),
    ],
)
def test_a_pipeline_stops_at_the_broken_step(
    fail: str, cause: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a collector: the steps behave as if stepsight were not there."""
    monkeypatch.setenv("STEPSIGHT_ENDPOINT", NOBODY_LISTENS)
    monkeypatch.setenv("STEPSIGHT_SPOOL", str(tmp_path))

    result = run_pipeline(fail)

    assert [step.name for step in result.steps] == list(STEPS[: STEPS.index(fail) + 1])
    assert [step.ok for step in result.steps][-1] is False
    assert re.search(cause, result.steps[-1].output)
