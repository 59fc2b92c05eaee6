"""A collector process on free ports over one data directory, to be started, killed and asked."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Collector"]

START_TIMEOUT_S = 60.0
STORE_TIMEOUT_S = 600.0  # many short lives under load leave many segments


class Collector:
    """Starts `program` (the collector, or a script that is one) as often as wanted.

    Never two at a time. What it says goes to `collector.log` in the directory.
    """

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        program: Sequence[str] = ("-m", "stepsight_collector"),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.addresses: dict[str, str] = {}
        self._arguments = arguments
        self._program = program
        self._environment = environment
        self._ready_file = directory / "ready.json"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it serves. Raises RuntimeError with its log if it does not."""
        self._ready_file.unlink(missing_ok=True)
        ports = ("--grpc-port", "off", "--http-port", "0", "--ui-port", "0")
        places = ("--data", str(self.directory / "data"), "--ready-file", str(self._ready_file))
        with (self.directory / "collector.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, *ports, *places, *self._arguments],
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "collector.log").read_text()[-3000:])
            wait_a_little()
        self.addresses = json.loads(self._ready_file.read_text())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> int:
        """Stop it; returns its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=60)

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._request("/api/status")[1]
        return answer

    def query(self, sql: str) -> list[list[Any]]:
        """Rows of a statement."""
        status, answer = self._request("/api/query", json.dumps({"sql": sql}).encode())
        assert status == 200, answer
        rows: list[list[Any]] = answer["rows"]
        return rows

    def wait_until_stored(self) -> None:
        """Wait until the write-ahead log is empty."""
        self.wait_for(lambda status: status["wal"]["bytes"] == 0)

    def wait_for(self, is_so: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the status is as wanted."""
        deadline = time.monotonic() + STORE_TIMEOUT_S
        while not is_so(self.status()):
            assert time.monotonic() < deadline, self.status()
            wait_a_little()

    def _request(self, path: str, body: bytes | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.addresses["ui"]).netloc, timeout=60)
        method = "GET" if body is None else "POST"
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        document = json.loads(answer.read())
        connection.close()
        return answer.status, document


def wait_a_little() -> None:
    """Let some time go by between two looks at a process."""
    threading.Event().wait(0.02)
