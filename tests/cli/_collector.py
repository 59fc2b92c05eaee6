"""A real collector process on free ports, and OTLP requests to feed it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_TIMEOUT_S = 30.0
SECOND = 1_000_000_000


@dataclass
class Collector:
    """A collector process; `start` again after `kill` keeps its data and ports."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        ports = [str(urlsplit(self.addresses.get(n, "")).port or 0) for n in ("otlp_http", "ui")]
        command = [sys.executable, "-m", "stepsight_collector", "--grpc-port", "off"]
        command += ["--http-port", ports[0], "--ui-port", ports[1]]
        command += ["--data", str(self.folder / "data"), "--ready-file", str(ready)]
        log = self.folder / "collector.log"
        with log.open("ab") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=self.folder)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready.exists():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        self.addresses = json.loads(ready.read_text())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)

    def send(self, signal: str, request: Any) -> None:
        headers = {"Content-Type": "application/x-protobuf"}
        path = f"/v1/{signal}"
        assert self._ask("otlp_http", path, request.SerializeToString(), headers)[0] == 200

    def wait_until_stored(self) -> None:
        deadline = time.monotonic() + 30
        while json.loads(self._ask("ui", "/api/status")[1])["wal"]["bytes"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _ask(
        self,
        place: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.addresses[place]).netloc, timeout=30)
        connection.request("GET" if body is None else "POST", path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content


@contextmanager
def running(folder: Path) -> Iterator[Collector]:
    collector = Collector(folder)
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()


def set_attributes(target: Any, values: dict[str, Any]) -> None:
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    for key, value in values.items():
        setattr(target.add(key=key).value, kinds[type(value)], value)


def identity(run: str, step: str = "") -> dict[str, Any]:
    """Resource attributes of a step, or of the one who drives the run."""
    values = {"parent_run_id": run, "experiment_name": "nightly", "service.name": step or "driver"}
    if step:
        values |= {"step_id": f"{run}.{step}", "step_name": step, "host.name": "node-1"}
    return values


def log_request(who: dict[str, Any], *records: dict[str, Any], trace: bytes = b"") -> Any:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    set_attributes(resource.resource.attributes, who)
    for values in records:
        record = resource.scope_logs.add().log_records.add(
            time_unix_nano=values["at"],
            severity_number=values.get("severity", 9),
            severity_text=values.get("level", "INFO"),
            event_name=values.get("event", ""),
            trace_id=trace,
            span_id=values.get("span", b""),
        )
        record.body.string_value = values.get("body", "")
        set_attributes(record.attributes, values.get("attributes", {}))
    return request


def line(at: int, body: str, stream: str = "stdout") -> dict[str, Any]:
    return {"at": at, "body": body, "attributes": {"log.iostream": stream}}


def start(at: int, kind: str = "step", **more: Any) -> dict[str, Any]:
    attributes = {"stepsight.witness": "process", "stepsight.heartbeat.interval_s": 5.0, **more}
    event = f"stepsight.{kind}.start"
    return {"at": at, "body": f"{kind} started", "event": event, "attributes": attributes}


def heartbeat(at: int) -> dict[str, Any]:
    return {"at": at, "body": "alive", "event": "stepsight.step.heartbeat"}


def end(
    at: int, status: str = "Completed", kind: str = "step", more: dict[str, Any] | None = None
) -> dict[str, Any]:
    attributes = {"stepsight.witness": "process", "stepsight.status": status, **(more or {})}
    event, body = f"stepsight.{kind}.end", f"{kind} {status.lower()}"
    return {"at": at, "body": body, "event": event, "attributes": attributes}


def metric_request(who: dict[str, Any], at: int, series: dict[str, list[float | str]]) -> Any:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    set_attributes(resource.resource.attributes, who)
    scope = resource.scope_metrics.add()
    scope.scope.name = "stepsight.run"
    for name, values in series.items():
        points = scope.metrics.add(name=name).gauge.data_points
        for index, value in enumerate(values):
            point = points.add(time_unix_nano=at + index * SECOND)
            attributes: dict[str, Any] = {"stepsight.metric.index": index}
            attributes["stepsight.metric.kind"] = "scalar"
            if isinstance(value, str):
                point.flags = 1
                attributes["stepsight.metric.text"] = value
            else:
                point.as_double = value
            set_attributes(point.attributes, attributes)
    return request


def span_request(who: dict[str, Any], trace: bytes, spans: list[dict[str, Any]]) -> Any:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    set_attributes(resource.resource.attributes, who)
    scope = resource.scope_spans.add()
    for values in spans:
        span = scope.spans.add(
            trace_id=trace,
            span_id=values["id"],
            parent_span_id=values.get("parent", b""),
            name=values["name"],
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=values["at"],
            end_time_unix_nano=values["at"] + values["took"],
        )
        span.status.code = Status.STATUS_CODE_ERROR if "error" in values else Status.STATUS_CODE_OK
        span.status.message = values.get("error", "")
    return request
