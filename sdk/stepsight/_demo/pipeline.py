"""The driver of the sample pipeline: four steps, each a process of its own, data in files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import stepsight

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = ("prepare", "train", "evaluate", "batch_score")
STEP_TIMEOUT_S = 120.0

# What goes wrong in the failing variant; batch_score is given damaged files instead.
BREAKING_ARGUMENTS = {
    "prepare": ("--out-exists",),
    "train": ("--learning-rate", "100"),
    "evaluate": ("--drop-constant-pixels",),
}
DAMAGED_FILES = 3


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step process ended; `output` is what it printed, both streams in order."""

    name: str
    exit_code: int
    duration_s: float
    output: str

    @property
    def ok(self) -> bool:
        """Whether the process ended with exit code 0."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """How one pipeline run ended; steps after a failed one are not in `steps`."""

    run_id: str
    ok: bool
    steps: tuple[StepResult, ...]


def run_pipeline(
    fail: str | None = None, on_step: Callable[[StepResult], None] | None = None
) -> PipelineResult:
    """Run the sample pipeline once; `fail` names the step that is to fail.

    Blocks until the last step has ended. Calls `on_step` after each step. A failing step is
    a result, not an exception.
    """
    results: list[StepResult] = []
    with (
        tempfile.TemporaryDirectory(prefix="stepsight-demo-") as folder,
        stepsight.pipeline_run("digits", experiment_name="digits-demo") as pipeline,
    ):
        for name in STEPS:
            result = _run_step(name, Path(folder) / "data", pipeline.env(name), broken=name == fail)
            results.append(result)
            if on_step is not None:
                on_step(result)
            if not result.ok:
                pipeline.fail(f"step {name} ended with exit code {result.exit_code}")
                break
    return PipelineResult(pipeline.id, all(step.ok for step in results), tuple(results))


def _run_step(name: str, out: Path, env: dict[str, str], *, broken: bool) -> StepResult:
    arguments = BREAKING_ARGUMENTS.get(name, ()) if broken else ()
    if broken and name == "batch_score":
        _damage_files(out / "incoming")
    started = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-m", f"stepsight._demo.{name}", "--out", str(out), *arguments],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=STEP_TIMEOUT_S,
        check=False,
    )
    return StepResult(name, process.returncode, time.monotonic() - started, process.stdout)


def _damage_files(folder: Path) -> None:
    """Cut some files short, as an interrupted upload does."""
    for path in sorted(folder.iterdir())[:DAMAGED_FILES]:
        path.write_bytes(path.read_bytes()[:200])
