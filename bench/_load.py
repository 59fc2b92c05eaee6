"""What the benchmarks share: synthetic OTLP, processes and their CPU time, a sender."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def spans_request(spans: int, start_nano: int, marker: str = "") -> bytes:
    """An OTLP traces request: six resource attributes, six attributes a span."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for key, text in RESOURCE.items():
        resource.resource.attributes.add(key=key).value.string_value = text
    scope = resource.scope_spans.add()
    scope.scope.name = "train"
    trace_id = parent = b""
    for index in range(spans):
        if index % 20 == 0:
            trace_id, parent = secrets.token_bytes(16), b""
        span = scope.spans.add(
            trace_id=trace_id,
            span_id=secrets.token_bytes(8),
            parent_span_id=parent,
            name=f"batch {index % 20}",
            kind=1 + index % 3,
            start_time_unix_nano=start_nano + index * 1000,
            end_time_unix_nano=start_nano + index * 1000 + 700_000 + index,
        )
        parent = parent or span.span_id
        for key, text in (
            ("code.file.path", "/app/train.py"),
            ("code.function.name", "fit"),
            ("worker", f"rank{index % 8}"),
            ("marker", marker),
        ):
            span.attributes.add(key=key).value.string_value = text
        span.attributes.add(key="code.line.number").value.int_value = 40 + index % 60
        span.attributes.add(key="loss").value.double_value = index / 997
    return request.SerializeToString()


def metrics_request(metrics: int, start_nano: int, marker: str = "") -> bytes:
    """An OTLP metrics request: gauges of one point, six resource attributes, two of the point."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    for key, text in RESOURCE.items():
        resource.resource.attributes.add(key=key).value.string_value = text
    scope = resource.scope_metrics.add()
    scope.scope.name = "train"
    for index in range(metrics):
        metric = scope.metrics.add(name=f"metric.{index % 50}", unit="1")
        point = metric.gauge.data_points.add(
            time_unix_nano=start_nano + index * 1000, as_double=index / 997
        )
        point.attributes.add(key="worker").value.string_value = f"rank{index % 8}"
        point.attributes.add(key="marker").value.string_value = marker
    return request.SerializeToString()


SIGNALS: dict[str, Callable[[int, int, str], bytes]] = {
    "logs": logs_request,
    "traces": spans_request,
    "metrics": metrics_request,
}
METHODS = {
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}


def request_bodies(signal: str, records: int, size: int) -> list[bytes]:
    """Requests of `size` records, each with times of its own, so that parts merge as in life."""
    start = time.time_ns()
    return [
        SIGNALS[signal](size, start + index * size * 1000, f"m{index}")
        for index in range(records // size)
    ]


def another(body: bytes, number: int) -> bytes:
    """The same request as another one, so that it is not taken for one sent again.

    Ends in a field of a later version of OTLP, which receivers pass over.
    """
    return body + b"\xfa\x3e\x08" + number.to_bytes(8, "little")


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


def wait_merged(pid: int) -> None:
    """Wait until the merging threads of an engine's process have not worked for a second.

    Told by the operating system: a query would cost the engine 3 ms each time.
    """
    before, quiet = -1, 0
    while quiet < 5:
        time.sleep(0.2)
        now = _merging_ticks(pid)
        quiet = quiet + 1 if now == before else 0
        before = now


def _merging_ticks(pid: int) -> int:
    """CPU time of the threads that merge, in ticks."""
    ticks = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            name, _, fields = (thread / "stat").read_text().rpartition(")")
        except OSError:  # the thread ended meanwhile
            continue
        if "MergeMutate" in name:
            ticks += sum(int(field) for field in fields.split()[11:13])
    return ticks


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

    def wait_stored(
        self, records: int, timeout_s: float = 300, *, interval_s: float = 0.05
    ) -> None:
        """Wait until the store has that many records since the start.

        Asking costs the collector half a millisecond of CPU each time.
        """
        deadline = time.monotonic() + timeout_s
        while self.api("/api/status")["records"]["stored"] < records:
            if time.monotonic() > deadline:
                raise RuntimeError("the store did not get everything in time")
            time.sleep(interval_s)

    def wait_merged(self) -> None:
        """Wait until the engine has merged nothing for a second."""
        wait_merged(self.pid)

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


def send_all(
    address: str, bodies: list[bytes], connections: int = 4, *, path: str = "/v1/logs"
) -> float:
    """Post every body over keep-alive connections; returns the wall time in seconds.

    A body that is gzip is sent as such.
    """
    parts = urlsplit(address)

    def work(share: list[bytes]) -> None:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        for body in share:
            headers = {"Content-Type": "application/x-protobuf"}
            if body.startswith(GZIP_MAGIC):
                headers["Content-Encoding"] = "gzip"
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise RuntimeError(f"a request was refused with status {answer.status}")
        connection.close()

    return _in_threads(work, bodies, connections)


def send_all_grpc(
    address: str, bodies: list[bytes], connections: int = 4, *, signal: str, compress: bool = False
) -> float:
    """Export every body over gRPC, one channel a connection; returns the wall time in seconds."""
    compression = grpc.Compression.Gzip if compress else grpc.Compression.NoCompression

    def work(share: list[bytes]) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(address, options, compression) as channel:
            export = channel.unary_unary(METHODS[signal])
            for body in share:
                export(body, timeout=60)

    return _in_threads(work, bodies, connections)


GZIP_MAGIC = b"\x1f\x8b"


def compressed(bodies: list[bytes]) -> list[bytes]:
    """The bodies as gzip, at the level that exporters use."""
    return [gzip.compress(body, 6) for body in bodies]


def _in_threads(
    work: Callable[[list[bytes]], None], bodies: list[bytes], connections: int
) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        for done in [pool.submit(work, bodies[index::connections]) for index in range(connections)]:
            done.result()
    return time.perf_counter() - started
