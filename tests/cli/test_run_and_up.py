"""`stepsight run` and `stepsight up` as a person types them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli._collector import Collector

COMMAND = (sys.executable, "-m", "stepsight._cli.main")


@pytest.fixture
def own_collector(otlp: Any, tmp_path: Path) -> Iterator[Collector]:
    """A collector that no other test reads."""
    with otlp.running(tmp_path) as running:
        yield running


def test_a_command_becomes_a_step_with_its_options(
    own_collector: Collector, tmp_path: Path
) -> None:
    addresses = own_collector.addresses
    done = subprocess.run(
        [
            *(*COMMAND, "run", "--experiment", "nightly", "--pipeline-run", "p-1"),
            *("--step", "load", "--dimension", "source=blob,3"),
            *("--endpoint", addresses["otlp_http"], "--", "sh", "-c", "echo hello; exit 4"),
        ],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=False,
    )
    own_collector.wait_until_stored()
    shown = subprocess.run(
        [*COMMAND, "show", "p-1", "--format", "json", "--api", addresses["ui"]],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.returncode, done.stdout, done.stderr) == (4, "hello\n", "")
    [step] = json.loads(shown.stdout)
    assert {key: step[key] for key in ("run_id", "step_name", "status", "exit_code")} == {
        "run_id": "p-1",
        "step_name": "load",
        "status": "Failed",
        "exit_code": 4,
    }


def test_a_dimension_without_a_value_is_wrong_usage(stepsight: Any) -> None:
    result = stepsight("run", "--dimension", "source", "--", "true")

    assert result.exit_code == 2
    assert '"source" must be KEY=VALUE' in result.stderr


def test_nothing_to_run_is_wrong_usage(stepsight: Any) -> None:
    assert stepsight("run", "--").exit_code == 2


def test_a_setting_that_cannot_be_used_is_said_before_anything_runs(stepsight: Any) -> None:
    result = stepsight("run", "--endpoint", "nonsense", "--", "touch", "/nowhere/file")

    assert result.exit_code == 2
    assert "endpoint must be an http:// or https:// address" in result.stderr


def test_up_says_which_package_is_missing(stepsight: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec

    def without_chdb(name: str, package: str | None = None) -> Any:
        return None if name == "chdb" else find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_chdb)
    result = stepsight("up")

    assert result.exit_code != 0
    assert "The collector needs chdb, which is not installed" in result.stderr
    assert "pip install 'stepsight[collector]'" in result.stderr


def test_up_has_the_collectors_own_help(stepsight: Any) -> None:
    done = subprocess.run([*COMMAND, "up", "--help"], capture_output=True, text=True, check=True)

    assert "--grpc-port" in done.stdout
    assert "usage: stepsight up" in done.stdout


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("shwo", " Did you mean 'show'?"), ("metrcs", " Did you mean 'metrics'?"), ("xyz", "")],
)
def test_a_mistyped_command_is_answered_with_the_nearest(
    stepsight: Any, typed: str, hint: str
) -> None:
    result = stepsight(typed)

    assert result.exit_code == 2
    assert result.stderr.endswith(f"Error: There is no command '{typed}'.{hint}\n")
