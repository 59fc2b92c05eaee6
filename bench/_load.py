"""What the benchmarks share: synthetic OTLP, processes and their CPU time, a sender."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS = os.sysconf("SC_CLK_TCK")
RESOURCE = {
    "service.name": "train",
    "service.instance.id": "node-7/4711",
    "parent_run_id": "digits-20261124-0815",
    "step_id": "digits-20261124-0815-train",
    "step_name": "train",
    "experiment_name": "digits",
}


def logs_request(records: int, start_nano: int, marker: str = "") -> bytes:
    """An OTLP logs request: six resource attributes; six attributes, 60 characters a record."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    for key, text in RESOURCE.items():
        resource.resource.attributes.add(key=key).value.string_value = text
    scope = resource.scope_logs.add()
    scope.scope.name = "train"
    trace_id = secrets.token_bytes(16)
    for index in range(records):
        record = scope.log_records.add(
            time_unix_nano=start_nano + index * 1000,
            observed_time_unix_nano=start_nano + index * 1000,
            severity_number=9,
            severity_text="INFO",
            trace_id=trace_id,
            span_id=secrets.token_bytes(8),
        )
        record.body.string_value = (
            f"epoch {index % 50}: batch {index} done, loss {index / 997:.5f}, ok"
        )
        for key, text in (
            ("code.file.path", "/app/train.py"),
            ("code.function.name", "fit"),
            ("worker", f"rank{index % 8}"),
            ("marker", marker),
        ):
            record.attributes.add(key=key).value.string_value = text
        record.attributes.add(key="code.line.number").value.int_value = 40 + index % 60
        record.attributes.add(key="loss").value.double_value = index / 997
    return request.SerializeToString()


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, with its threads and waited-for children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def rss_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory of a process; `VmHWM` is its peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no {field}")


class Collector:
    """A collector on free ports with a data directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        ready = directory / "ready.json"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "stepsight_collector", "--data", str(directory / "data")),
                *("--grpc-port", "0", "--http-port", "0", "--ui-port", "0"),
                *("--ready-file", str(ready)),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the collector did not start")
            time.sleep(0.05)
        self.addresses: dict[str, str] = json.loads(ready.read_text())

    @property
    def pid(self) -> int:
        return self.process.pid

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return call(self.addresses["ui"], path, body)

    def step_environment(self) -> dict[str, str]:
        """Variables for a step that sends to this collector."""
        return {
            **os.environ,
            "STEPSIGHT_ENDPOINT": self.addresses["otlp_http"],
            "STEPSIGHT_SPOOL": str(self._directory / "spool"),
        }

    def wait_stored(self, records: int, timeout_s: float = 300) -> None:
        """Wait until the store has that many records since the start."""
        deadline = time.monotonic() + timeout_s
        while self.api("/api/status")["records"]["stored"] < records:
            if time.monotonic() > deadline:
                raise RuntimeError("the store did not get everything in time")
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def collector() -> Iterator[Collector]:
    """Start a collector in a temporary directory and stop it."""
    with tempfile.TemporaryDirectory() as directory:
        running = Collector(Path(directory))
        try:
            yield running
        finally:
            running.stop()


def call(address: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One JSON request."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    method, data = ("GET", None) if body is None else ("POST", json.dumps(body))
    connection.request(method, path, data)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def send_all(address: str, bodies: list[bytes], connections: int = 4) -> float:
    """Post every body to /v1/logs over keep-alive connections; returns the wall time in seconds."""
    parts = urlsplit(address)
    failures: list[int] = []

    def work(share: list[bytes]) -> None:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        for body in share:
            connection.request("POST", "/v1/logs", body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                failures.append(answer.status)
        connection.close()

    started = time.perf_counter()
    threads = [
        threading.Thread(target=work, args=(bodies[index::connections],))
        for index in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(
            f"{len(failures)} requests were refused, first with status {failures[0]}"
        )
    return time.perf_counter() - started
