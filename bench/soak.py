"""kill -9 at random moments under load from eight clients: acknowledged = stored, duplicates 0.

Usage: make soak, or PYTHONPATH=tests/support python bench/soak.py [--kills 20] [--seconds 20]

Clients send logs, spans and metrics, and send each request again until it is acknowledged, over
kills and refusals. Phases, each counted for itself: `kills` (with lost answers of the store all the
time), `refusing` (the store refuses every insert for --seconds, with a kill in between), `full`
(the store's volume, a small file system in memory, is full for --seconds; needs leave to mount),
and the same with the volume of the write-ahead log.
Exit status 1 if a record is missing, doubled, or counted wrongly in a derived table.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import faulty_collector
from collecting import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import RawIOBase

CLIENTS = 8
PACE_S = 0.03  # so that two minutes are some 600,000 records, which can still be compared
VOLUME_MB = 192
SUMS = """
SELECT (SELECT sum(LogRows) FROM step_states WHERE RunId = 'soak'),
       (SELECT sum(Spans) FROM step_states WHERE RunId = 'soak'),
       (SELECT sum(MetricRows) FROM step_states WHERE RunId = 'soak'),
       (SELECT count() FROM run_metrics WHERE RunId = 'soak'),
       (SELECT uniqExact(TraceId) FROM otel_traces_trace_id_ts WHERE ProjectId = 'default')
"""
TABLES = {
    "logs": ("otel_logs", "LogAttributes"),
    "traces": ("otel_traces", "SpanAttributes"),
    "metrics": ("otel_metrics_gauge", "Attributes"),
}


@dataclass
class Load:
    """Clients that send until they are stopped, and what was acknowledged."""

    collector: Collector
    acknowledged: dict[str, list[str]] = field(default_factory=lambda: {key: [] for key in TABLES})
    again: int = 0
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._stopping.clear()
        self._threads = [threading.Thread(target=self._send_all) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop once every request that was begun is acknowledged; the collector must serve."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _send_all(self) -> None:
        while not self._stopping.is_set():
            signal = random.choice(("logs", "logs", "logs", "traces", "metrics"))
            ids = [str(next(self._numbers)) for _ in range(random.randint(1, 60))]
            body = BUILDERS[signal](ids)
            while not self._send(signal, body):
                self.again += 1
                threading.Event().wait(0.05)
            self.acknowledged[signal] += ids
            threading.Event().wait(PACE_S)

    def _send(self, signal: str, body: bytes) -> bool:
        address = urlsplit(self.collector.addresses["otlp_http"]).netloc
        connection = http.client.HTTPConnection(address, timeout=10)
        try:
            headers = {"Content-Type": "application/x-protobuf"}
            connection.request("POST", f"/v1/{signal}", body, headers)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _identify(resource: Any) -> None:
    for key, text in (("parent_run_id", "soak"), ("step_id", "soak-1")):
        resource.attributes.add(key=key).value.string_value = text


def _logs(ids: list[str]) -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    _identify(group.resource)
    scope = group.scope_logs.add()
    for each in ids:
        record = scope.log_records.add(time_unix_nano=time.time_ns())
        record.attributes.add(key="id").value.string_value = each
    return request.SerializeToString()


def _spans(ids: list[str]) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    _identify(group.resource)
    scope = group.scope_spans.add()
    for each in ids:
        span = scope.spans.add(
            trace_id=secrets.token_bytes(16),
            span_id=secrets.token_bytes(8),
            start_time_unix_nano=time.time_ns(),
        )
        span.attributes.add(key="id").value.string_value = each
    return request.SerializeToString()


def _points(ids: list[str]) -> bytes:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    _identify(group.resource)
    scope = group.scope_metrics.add()
    scope.scope.name = "stepsight.run"
    gauge = scope.metrics.add(name="loss").gauge
    for each in ids:
        point = gauge.data_points.add(time_unix_nano=time.time_ns(), as_double=0.5)
        point.attributes.add(key="id").value.string_value = each
    return request.SerializeToString()


BUILDERS: dict[str, Callable[[list[str]], bytes]] = {
    "logs": _logs,
    "traces": _spans,
    "metrics": _points,
}


def judge(load: Load) -> list[str]:
    """Compare what was acknowledged with what is stored; returns what is wrong."""
    load.collector.wait_until_stored()
    wrong, counts = [], []
    for signal, (table, attributes) in TABLES.items():
        sql = f"SELECT groupArray({attributes}['id']) FROM {table} WHERE RunId = 'soak'"
        [[stored]] = load.collector.query(sql)
        missing = set(load.acknowledged[signal]) - set(stored)
        unknown = set(stored) - set(load.acknowledged[signal])
        doubled = len(stored) - len(set(stored))
        counts.append(len(stored))
        if missing or doubled or unknown:
            wrong.append(f"{table}: {len(missing)} missing, {doubled} doubled, {len(unknown)} new")
    logs, spans, points = counts
    [sums] = load.collector.query(SUMS)
    if sums != [logs, spans, points, points, spans]:
        wrong.append(f"derived tables say {sums}, stored are {counts}")
    total = sum(map(len, load.acknowledged.values()))
    print(f"  {total} acknowledged, {sum(counts)} stored, {load.again} sent again", flush=True)
    return wrong


def soak_kills(load: Load, switches: Path, count: int) -> None:
    (switches / "lose").touch()
    load.start()
    for _ in range(count):
        threading.Event().wait(random.uniform(0.02, 0.9))
        load.collector.kill()
        load.collector.start()
    (switches / "lose").unlink()
    load.stop()


def soak_refusing(load: Load, switches: Path, seconds: float) -> None:
    (switches / "refuse").touch()
    load.start()
    threading.Event().wait(seconds / 2)
    load.collector.kill()
    load.collector.start()
    threading.Event().wait(seconds / 2)
    (switches / "refuse").unlink()
    load.stop()


def soak_full(
    load: Load, volume: Path, seconds: float, is_felt: Callable[[dict[str, Any]], bool]
) -> None:
    ballast = volume / "ballast"
    load.start()
    deadline = time.monotonic() + seconds
    with ballast.open("wb", buffering=0) as file:
        while time.monotonic() < deadline:
            _fill(file)
            threading.Event().wait(0.05)
    load.collector.wait_for(is_felt)
    ballast.unlink()
    load.stop()


def _fill(file: RawIOBase) -> None:
    """Write until there is no room: what the engine frees in between is taken again."""
    with suppress(OSError):
        while True:
            file.write(bytes(64 << 10))


@contextmanager
def collecting(directory: Path, *arguments: str) -> Iterator[Load]:
    """A collector with fault switches, and clients for it."""
    directory.mkdir()
    running = Collector(
        directory,
        *arguments,
        program=(faulty_collector.__file__,),
        environment={**os.environ, "FAULTY_COLLECTOR": str(directory)},
    )
    running.start()
    try:
        yield Load(running)
        assert running.terminate() == 0
    finally:
        running.kill()


@contextmanager
def small_volume(directory: Path) -> Iterator[Path]:
    """A file system in memory. Raises OSError if mounting is not allowed here."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={VOLUME_MB}m", "none", str(directory)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        raise OSError("mounting is not allowed here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def kills(directory: Path, count: int) -> list[str]:
    """Kill under load, while every third answer of the store is lost; returns what is wrong."""
    print(f"kills: {count}, from {CLIENTS} clients", flush=True)
    with collecting(directory) as load:
        soak_kills(load, directory, count)
        return judge(load)


def refusing(directory: Path, seconds: float) -> list[str]:
    """Have the store refuse every insert for a while; returns what is wrong."""
    print(f"refusing: {seconds:g} s", flush=True)
    with collecting(directory) as load:
        soak_refusing(load, directory, seconds)
        return judge(load)


def full_store(directory: Path, seconds: float) -> list[str]:
    """Fill the store's volume for a while; returns what is wrong.

    Raises OSError if mounting is not allowed here.
    """
    print(f"full store volume: {seconds:g} s", flush=True)
    with small_volume(directory.with_name(directory.name + "-volume")) as volume:
        place = ("--store", f"chdb://{volume}/store", "--disk-low-bytes", str(16 << 20))
        with collecting(directory, *place) as load:
            soak_full(load, volume, seconds, lambda status: status["disk"]["state"] == "low")
            return judge(load)


def full_log(directory: Path, seconds: float) -> list[str]:
    """Fill the one volume of log and store for a while; returns what is wrong.

    Nothing is refused before the operating system does. Raises OSError as `full_store`.
    """
    print(f"full log volume: {seconds:g} s", flush=True)
    with small_volume(directory) as volume:
        limits = ("--disk-low-bytes", "0", "--disk-full-bytes", "0")
        with collecting(volume / "soak", *limits) as load:
            soak_full(load, volume, seconds, lambda status: status["records"]["rejected"] > 0)
            return judge(load)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        wrong = kills(place / "kills", arguments.kills)
        wrong += refusing(place / "refusing", arguments.seconds)
        try:
            wrong += full_store(place / "full", arguments.seconds)
            wrong += full_log(place / "full-log", arguments.seconds)
        except OSError as exc:
            print(f"  left out: {exc}")
    print("\n".join(wrong) or "acknowledged = stored, duplicates 0")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
