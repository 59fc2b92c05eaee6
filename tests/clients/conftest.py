"""A running collector, and real clients in processes of their own that send to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPTS = Path(__file__).parent / "scripts"
WAIT_S = 60.0
STATSBEAT_KEY = "99999999-2222-4333-8444-555555555555"


@dataclass
class Collector:
    """The addresses of a collector process, and questions to its store."""

    grpc: str
    http: str
    ui: str
    temp: Path
    key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def connection(self) -> str:
        """A connection string as a portal gives it: endpoints with a slash at the end."""
        return (
            f"InstrumentationKey={self.key};IngestionEndpoint={self.http}/;"
            f"LiveEndpoint={self.http}/"
        )

    def environment(self) -> dict[str, str]:
        """What a client gets: temporary files of its own, statsbeat sent to us as well."""
        return {
            **os.environ,
            "TMPDIR": str(self.temp),
            "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
            "APPLICATION_INSIGHTS_STATS_CONNECTION_STRING": (
                f"InstrumentationKey={STATSBEAT_KEY};IngestionEndpoint={self.http}/"
            ),
        }

    def run(self, script: str, *arguments: str) -> Any:
        """Run a client to its end; returns the last line it prints, from JSON."""
        command = [sys.executable, str(SCRIPTS / script), *arguments]
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = done.stdout.strip().splitlines()
        return json.loads(lines[-1]) if lines else None

    def start(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Run a client until its standard input is closed."""
        return subprocess.Popen(
            [sys.executable, str(SCRIPTS / script), *arguments],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, is_true: Callable[[], object]) -> None:
        """Return once a condition holds; fail after a minute."""
        wait_for(is_true)

    def get(self, url: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def rows(self, sql: str) -> list[list[Any]]:
        """Ask the store once it has everything that was accepted."""
        wait_for(self._is_stored)
        answer = self.get(self.ui + "/api/query", json.dumps({"sql": sql}).encode())
        rows: list[list[Any]] = answer["rows"]
        return rows

    def dicts(self, columns: str, table: str, order: str) -> list[dict[str, Any]]:
        """Rows that came with this collector's current key."""
        names = [column.rpartition(" AS ")[2].strip() for column in columns.split(", ")]
        key = f"ResourceAttributes['stepsight.instrumentation_key'] = '{self.key}'"
        rows = self.rows(f"SELECT {columns} FROM {table} WHERE {key} ORDER BY {order}")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def counter(self, name: str) -> float:
        """One of the collector's own counters."""
        with urllib.request.urlopen(self.http + "/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))

    def _is_stored(self) -> bool:
        records = self.get(self.ui + "/api/status")["records"]
        return bool(records["accepted"] == records["stored"])


def wait_for(is_true: Callable[[], object]) -> None:
    """Return once a condition holds; fail after a minute."""
    deadline = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    folder = tmp_path_factory.mktemp("collector")
    ready = folder / "ready.json"
    ports = ("--grpc-port", "0", "--http-port", "0", "--ui-port", "0")
    started = subprocess.Popen(
        [sys.executable, "-m", "stepsight_collector", "--data", str(folder / "data"), *ports,
         "--ready-file", str(ready)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: ready.exists() or started.poll() is not None)
    found = json.loads(ready.read_text())
    yield Collector(found["otlp_grpc"], found["otlp_http"], found["ui"], folder)
    started.terminate()
    assert started.wait(WAIT_S) == 0


@pytest.fixture
def collector(process: Collector, tmp_path: Path) -> Collector:
    """The one process of the session, with a key of this test's own."""
    return Collector(process.grpc, process.http, process.ui, tmp_path)
