"""`stepsight demo`: run the sample pipeline for real and show what stepsight knows about it.

Starts a collector if none answers; reads the result by the commands that a person would type.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight._demo.pipeline import PipelineResult, StepResult

__all__ = ["demo_command"]

DEFAULT_API = "http://127.0.0.1:8050"
STEPS = ("prepare", "train", "evaluate", "batch_score")
PORTS = (
    ("--grpc-port", "STEPSIGHT_GRPC_PORT", 4317),
    ("--http-port", "STEPSIGHT_HTTP_PORT", 4318),
    ("--ui-port", "STEPSIGHT_UI_PORT", 8050),
)
COLLECTOR_START_TIMEOUT_S = 30.0
# Longer than the 20 s that a stopping collector may take to store what it acknowledged.
COLLECTOR_STOP_TIMEOUT_S = 25.0
RUN_END_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.1
REQUEST_TIMEOUT_S = 2.0
OUTPUT_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Collector:
    """Where a collector receives and answers; `process` is None unless we started it."""

    endpoint: str
    api: str
    process: subprocess.Popen[bytes] | None = None


@click.command("demo")
@click.option("--fail", type=click.Choice(STEPS), help="Run it again, with this step failing.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data directory of the collector, if one has to be started.",
)
def demo_command(fail: str | None, data: Path | None) -> None:
    """Run a sample pipeline (handwritten digits, four steps) and show the result.

    Starts a collector if none answers. On a terminal it then keeps serving until Ctrl-C.
    """
    _check_extras()
    started = time.monotonic()
    with _stop_on_sigterm(), _collector(data) as collector:
        runs = _run_pipelines(collector, fail)
        for run in runs:
            _wait_until_ended(collector.api, run.run_id)
        problems = _find_problems(runs, fail)
        problems += _show_result(collector.api, runs)
        click.echo(f"\nAll of it took {time.monotonic() - started:.0f} s.")
        _show_hints(collector.api, runs)
        for problem in problems:
            click.secho(problem, fg="red", err=True)
        _keep_serving(collector)
    if problems:
        sys.exit(1)


def _check_extras() -> None:
    for module, extra in (("sklearn", "demo"), ("stepsight_collector.app", "collector")):
        try:
            found = importlib.util.find_spec(module)
        except ImportError:
            found = None
        if found is None:
            raise click.ClickException(
                f"The demo needs {module.split('.')[0]}: "
                f"pip install 'stepsight[collector,demo]' (it is in the extra {extra!r})."
            )


@contextlib.contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into SystemExit, so that a collector of ours is stopped too."""
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _collector(data: Path | None) -> Iterator[Collector]:
    """The collector that answers, or one of our own that ends with this block."""
    api = os.environ.get("STEPSIGHT_API", DEFAULT_API).rstrip("/")
    status = _get(f"{api}/api/status")
    if status is not None:
        endpoint = os.environ.get("STEPSIGHT_ENDPOINT") or status["endpoints"]["otlp_http"]
        click.echo(f"Using the collector at {api}")
        yield Collector(endpoint, api)
        return
    with tempfile.TemporaryDirectory(prefix="stepsight-ready-") as folder:
        collector = _start_collector(Path(folder), data)
        try:
            yield collector
        finally:
            _stop(collector.process)


def _start_collector(folder: Path, data: Path | None) -> Collector:
    started = time.monotonic()
    ready_file = folder / "ready.json"
    command = [sys.executable, "-m", "stepsight_collector", "--ready-file", str(ready_file)]
    command += _port_arguments()
    if data is not None:
        command += ["--data", str(data)]
    log_file = folder / "collector.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        addresses = _wait_for_ready(process, ready_file, log_file)
    except BaseException:
        _stop(process)
        raise
    took_s = time.monotonic() - started
    click.echo(f"Started a collector in {took_s:.1f} s: {addresses['ui']}")
    return Collector(addresses["otlp_http"], addresses["ui"].rstrip("/"), process)


def _wait_for_ready(
    process: subprocess.Popen[bytes], ready_file: Path, log_file: Path
) -> dict[str, str]:
    deadline = time.monotonic() + COLLECTOR_START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if ready_file.exists():
            addresses: dict[str, str] = json.loads(ready_file.read_text(encoding="utf-8"))
            return addresses
        time.sleep(POLL_INTERVAL_S)
    log = _tail(log_file.read_text(encoding="utf-8", errors="replace"))
    raise click.ClickException(f"The collector did not start. It said:\n{log}")


def _port_arguments() -> list[str]:
    """Any free ports if a usual one is taken; a port from the environment stays."""
    ours = [(flag, port) for flag, variable, port in PORTS if variable not in os.environ]
    if all(_is_free(port) for _, port in ours):
        return []
    click.echo("A usual port is taken, using free ones.")
    return [part for flag, _ in ours for part in (flag, "0")]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port that only waits for late packets counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(COLLECTOR_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run_pipelines(collector: Collector, fail: str | None) -> list[PipelineResult]:
    # The driver and its step processes read where to send from the environment.
    os.environ["STEPSIGHT_ENDPOINT"] = collector.endpoint
    from stepsight._demo.pipeline import run_pipeline

    click.echo("\nRunning the pipeline digits: " + " → ".join(STEPS))
    runs = [run_pipeline(None, _show_step)]
    if fail is not None:
        click.echo(f"\nOnce more, and this time {fail} is broken")
        runs.append(run_pipeline(fail, _show_step))
    return runs


def _show_step(step: StepResult) -> None:
    sign = click.style("✓", fg="green") if step.ok else click.style("✗", fg="red")
    note = "" if step.ok else f"   exit code {step.exit_code}"
    click.echo(f"  {sign} {step.name:<12} {step.duration_s:5.1f} s{note}")


def _wait_until_ended(api: str, run_id: str) -> None:
    """Wait until the collector knows the end of the run and of its steps, 10 s at most."""
    deadline = time.monotonic() + RUN_END_TIMEOUT_S
    while time.monotonic() < deadline:
        answer = _get(f"{api}/api/runs/{run_id}")
        if answer is not None:
            parts = [answer["run"], *answer["steps"]]
            if all(part["status"] in ("Completed", "Failed", "Canceled") for part in parts):
                return
        time.sleep(POLL_INTERVAL_S)
    click.echo(f"Run {run_id} has not ended for the collector after {RUN_END_TIMEOUT_S:.0f} s.")


def _find_problems(runs: list[PipelineResult], fail: str | None) -> list[str]:
    """One text for each step that did not end as it was meant to."""
    return [
        f"\nStep {step.name} of run {run.run_id} ended with exit code {step.exit_code}. "
        f"It printed:\n{_tail(step.output)}"
        for run, broken in zip(runs, (None, fail), strict=False)
        for step in run.steps
        if step.ok == (step.name == broken)
    ]


def _show_result(api: str, runs: list[PipelineResult]) -> list[str]:
    """Run the commands that show the result; return one text for each that failed."""
    good = runs[0].run_id
    commands = (
        ("runs",),
        ("show", "@last"),
        ("logs", "@last", "--limit", "15"),
        ("metrics", good, "loss", "--plot"),
        ("trace", good),
    )
    problems = []
    for command in commands:
        line = _typed(api, *command)
        click.secho(f"\n$ {line}", bold=True)
        sys.stdout.flush()
        process = subprocess.run(
            [sys.executable, "-m", "stepsight._cli.main", *command],
            env={**os.environ, "STEPSIGHT_API": api},
            check=False,
        )
        if process.returncode != 0:
            problems.append(f"{line} ended with exit code {process.returncode}.")
    return problems


def _typed(api: str, *command: str) -> str:
    """The command line as a person would type it."""
    address = () if api == DEFAULT_API else ("--api", api)
    return shlex.join(("stepsight", *command, *address))


def _show_hints(api: str, runs: list[PipelineResult]) -> None:
    last = runs[-1]
    click.echo("\nWhat to type next")
    click.echo(f"  {_typed(api, 'logs', '@last', '--step', last.steps[-1].name)}")
    click.echo(f"  {_typed(api, 'metrics', runs[0].run_id)}")
    if last.ok:
        click.echo("  stepsight demo --fail train")
    click.echo("  stepsight run -- python your_step.py")


def _keep_serving(collector: Collector) -> None:
    """On a terminal, serve until Ctrl-C or until the collector ends."""
    if collector.process is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    click.echo(f"\nServing at {collector.api}; steps send to {collector.endpoint}. Ctrl-C stops.")
    try:
        collector.process.wait()
    except KeyboardInterrupt:
        click.echo("\nStopping; everything received stays stored.")


def _get(url: str) -> Any:
    """The JSON answer, or None if nothing answers or it is an error."""
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_TIMEOUT_S) as answer:  # noqa: S310 http URL of ours
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-OUTPUT_TAIL_LINES:])
