"""A receiver on loopback that keeps what it gets, and misbehaves exactly as a test says."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stepsight._client import Client
from stepsight._identity import detect_identity
from stepsight._settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    MakeClient = Callable[..., Client]

TYPES: dict[str, Any] = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}


def plain(value: Any) -> Any:
    """An AnyValue as Python has it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


def attributes_of(message: Any) -> dict[str, Any]:
    return {item.key: plain(item.value) for item in message.attributes}


@dataclass
class Receiver:
    """What arrived. `answers` are given first, one a request, then 200; None hangs up instead."""

    port: int = 0
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]] | None] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def records(self) -> list[Any]:
        return [
            record
            for path, _, request in self.requests
            if path == "/v1/logs"
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def bodies(self) -> list[str]:
        return [record.body.string_value for record in self.records()]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.arrived:
            assert self.arrived.wait_for(condition, 20), self.bodies()


def make_handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.gate.wait(30)
            answer = receiver.answers.pop(0) if receiver.answers else (200, {})
            if answer is None:
                self.close_connection = True
                return
            status, headers = answer
            if status == 200:
                request = TYPES[self.path].FromString(body)
                with receiver.arrived:
                    receiver.requests.append((self.path, dict(self.headers), request))
                    receiver.arrived.notify_all()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()
    kept.gate.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(kept))
    server.daemon_threads = True
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield kept
    kept.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def make_client(receiver: Receiver, tmp_path: Path) -> Iterator[MakeClient]:
    made: list[Client] = []

    def make(**settings: Any) -> Client:
        given = {
            "endpoint": receiver.endpoint,
            "spool": str(tmp_path / "spool"),
            "linger_ms": 0,
            "raise_errors": True,
            **settings,
        }
        identity = detect_identity(step_name="train", environ={})
        made.append(Client(load_settings(given, {}), identity, lambda: None))
        return made[-1]

    yield make
    receiver.gate.set()
    for client in made:
        client.close(5)


@pytest.fixture
def start_script(receiver: Receiver, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Start a Python script that sends to the receiver; stdin and stdout are pipes."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STEPSIGHT_")}
    kept.pop("TRACEPARENT", None)
    environ = {
        **kept,
        "STEPSIGHT_ENDPOINT": receiver.endpoint,
        "STEPSIGHT_SPOOL": str(tmp_path / "spool"),
        "STEPSIGHT_RAISE_ERRORS": "1",
        # From Python 3.12 on os.fork() warns in a process with threads; a line of its own to us.
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(script: str) -> subprocess.Popen[bytes]:
        path = tmp_path / "train.py"
        path.write_text(script, encoding="utf-8")
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen([sys.executable, str(path)], env=environ, stdin=pipe, stdout=pipe)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
