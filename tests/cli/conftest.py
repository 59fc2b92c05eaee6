"""One collector for all tests of the command line, with a few runs in it."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from stepsight._cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result
    from tests.cli._collector import Collector

    Stepsight = Callable[..., Result]


def load(name: str) -> Any:
    """A module beside this one: tests are no package."""
    import sys

    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


otlp = load("_collector")

SECOND = 1_000_000_000
BEGIN = 1_767_600_000 * SECOND  # 2026-01-05 08:00:00 UTC
TRACE_BAD, TRACE_LARGE = b"\xaa" * 16, b"\xbb" * 16
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m \u202egnp.exe \x9b5n\rover"


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with otlp.running(tmp_path_factory.mktemp("collector")) as running:
        for feed in (feed_good_run, feed_bad_run, feed_hostile_run, feed_large_operation):
            feed(running)
        running.wait_until_stored()
        yield running


@pytest.fixture(scope="session")
def empty_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with otlp.running(tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest.fixture
def stepsight(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Stepsight:
    """Run a command in this process, as in a pipe, against the collector with the runs."""
    clean_environment(monkeypatch, collector.addresses["ui"])

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(cli, arguments, input=stdin, prog_name="stepsight")

    return run


def clean_environment(monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    import os

    for name in os.environ:
        if name.startswith(("STEPSIGHT_", "OTEL_", "AZUREML_")) or name == "NO_COLOR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("STEPSIGHT_API", api)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def rows(stepsight: Stepsight) -> Callable[..., list[dict[str, Any]]]:
    """The rows that a command prints as json."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        result = stepsight(*arguments, "--format", "json")
        assert (result.exit_code, result.stderr) == (0, "")
        loaded: list[dict[str, Any]] = json.loads(result.stdout)
        return loaded

    return run


def feed_good_run(to: Collector) -> None:
    driver, prepare, train = (
        otlp.identity("nightly-good-1", step) for step in ("", "prepare", "train")
    )
    name = {"stepsight.run.name": "nightly"}
    to.send("logs", otlp.log_request(driver, otlp.start(BEGIN, "run", **name)))
    done = {"process.exit.code": 0, "stepsight.memory.peak": 200 << 20}
    records = [
        otlp.start(BEGIN + SECOND),
        otlp.line(BEGIN + 2 * SECOND, "loaded 1797 rows"),
        otlp.end(BEGIN + 11 * SECOND, more=done),
    ]
    to.send("logs", otlp.log_request(prepare, *records))
    tag = {"stepsight.tag.key": "model", "stepsight.tag.value": "MLP"}
    records = [
        otlp.start(BEGIN + 12 * SECOND),
        otlp.heartbeat(BEGIN + 17 * SECOND),
        otlp.line(BEGIN + 18 * SECOND, "epoch 1"),
        {"at": BEGIN + 19 * SECOND, "body": "slow disk", "severity": 13, "level": "WARNING"},
        {"at": BEGIN + 20 * SECOND, "event": "stepsight.run.tag", "attributes": tag},
        otlp.end(BEGIN + 72 * SECOND, more=done),
    ]
    to.send("logs", otlp.log_request(train, *records))
    series = {
        "loss": [2.0, 1.0, float("nan"), 0.5, 0.25],
        "accuracy": [0.5, 0.75, 0.875],
        "verdict": ["bad", "good"],
        "rows": [1797.0],
    }
    to.send("metrics", otlp.metric_request(train, BEGIN + 20 * SECOND, series))
    to.send("logs", otlp.log_request(driver, otlp.end(BEGIN + 75 * SECOND, kind="run", more=name)))


def feed_bad_run(to: Collector) -> None:
    train = otlp.identity("nightly-bad-1", "train")
    begin = BEGIN + 3600 * SECOND
    why = {"exception.type": "ValueError", "exception.message": "56 features, expected 64"}
    trouble = {**why, "exception.stacktrace": "Traceback:\n  File train.py\nValueError: 56"}
    records = [
        otlp.start(begin),
        otlp.line(begin + SECOND, "reading", "stderr"),
        {
            "at": begin + 2 * SECOND,
            "body": "cannot predict",
            "severity": 17,
            "level": "ERROR",
            "attributes": trouble,
            "span": b"\x01" * 8,
        },
        otlp.end(begin + 3 * SECOND, "Failed", more={"process.exit.code": 1, **why}),
    ]
    to.send("logs", otlp.log_request(train, *records, trace=TRACE_BAD))
    spans = [
        {"id": b"\x01" * 8, "name": "train", "at": begin, "took": 3 * SECOND, "error": "failed"},
        {
            "id": b"\x02" * 8,
            "parent": b"\x01" * 8,
            "name": "load data",
            "at": begin + SECOND,
            "took": SECOND // 2,
        },
    ]
    to.send("traces", otlp.span_request(train, TRACE_BAD, spans))


def feed_hostile_run(to: Collector) -> None:
    step = otlp.identity("hostile/run-1", "読み込み")
    begin = BEGIN + 7200 * SECOND
    bodies = [HOSTILE, "x" * (1 << 20), "日本語 ﷽ 👩‍👩‍👧", "first\nsecond\n\tthird", "", "a\tb"]
    records = [otlp.line(begin + n * SECOND, body) for n, body in enumerate(bodies)]
    to.send("logs", otlp.log_request(step, *records))


def feed_large_operation(to: Collector) -> None:
    """1,000 mini-batches, 3 of which failed, and a chain of 300 spans."""
    step = otlp.identity("scoring-1", "score")
    begin = BEGIN + 9000 * SECOND
    spans: list[dict[str, Any]] = [
        {"id": (1).to_bytes(8), "name": "score", "at": begin, "took": 100 * SECOND}
    ]
    for n in range(1000):
        span: dict[str, Any] = {"id": (n + 10).to_bytes(8), "parent": (1).to_bytes(8)}
        span |= {
            "name": f"mini-batch {n}",
            "at": begin + n * SECOND // 10,
            "took": SECOND // 10 + n,
        }
        spans.append(span | ({"error": f"bad row in {n}"} if n in {100, 500, 900} else {}))
    for n in range(300):
        parent = (n + 4999 if n else 1).to_bytes(8)
        span = {"id": (n + 5000).to_bytes(8), "parent": parent, "name": f"level {n}"}
        spans.append(span | {"at": begin + n, "took": SECOND - n})
    to.send("traces", otlp.span_request(step, TRACE_LARGE, spans))
    record = {"at": begin, "body": "scoring"}
    to.send("logs", otlp.log_request(step, record, trace=TRACE_LARGE))


@pytest.fixture(scope="session")
def live_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """For runs that come and go, so that they do not show up among the others."""
    with otlp.running(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture
def live_run(live_collector: Collector) -> str:
    """A step that has just begun; its id is new for each test."""
    run = f"live-{time.time_ns()}"
    who = otlp.identity(run, "train")
    live_collector.send("logs", otlp.log_request(who, otlp.start(time.time_ns())))
    live_collector.wait_until_stored()
    return run


@pytest.fixture(name="otlp", scope="session")
def otlp_module() -> Any:
    """What makes OTLP requests, for tests that send some of their own."""
    return otlp


@pytest.fixture(scope="session")
def kql_server() -> Any:
    """The module of a small server that answers as the query API does."""
    return load("_kql_server")


@pytest.fixture(scope="session")
def terminal() -> Any:
    """The module of commands on a pseudo-terminal."""
    return load("_terminal")


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], None]:
    """Ask the given API, with folders of configuration and state below the given one."""

    def use(api: str, folder: Path) -> None:
        clean_environment(monkeypatch, api)
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))

    return use
