"""Record the sample pipeline for the cookbook: `python docs/cookbook/record.py`.

Runs it five times, as `stepsight demo` does, and keeps every request that its processes send, with
other days and without the paths of this machine. Format of recording.otlp.gz: for each request the
signal (logs, traces, metrics), a space, its length, a newline, its bytes.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

__all__ = ["RECORDING", "read_recording"]

RECORDING = Path(__file__).with_name("recording.otlp.gz")
# What fails in each run, and on which day it is made to have run.
RUNS = (
    (None, "2026-11-22"),
    ("train", "2026-11-23"),
    (None, "2026-11-23"),
    ("batch_score", "2026-11-24"),
    ("evaluate", "2026-11-24"),
)
REQUESTS: dict[str, type[Message]] = {
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
}
DAY_NS = 86_400 * 1_000_000_000


def read_recording() -> Iterator[tuple[str, bytes]]:
    """Signal and body of each request, in the order in which they were sent."""
    with gzip.open(RECORDING) as file:
        while head := file.readline():
            signal, _, length = head.decode().partition(" ")
            yield signal, file.read(int(length))


def main() -> None:
    """Run, record, write."""
    found: list[tuple[str, bytes]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _recorder(found))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["STEPSIGHT_ENDPOINT"] = f"http://127.0.0.1:{server.server_address[1]}"
    os.environ |= {"STEPSIGHT_ENVIRONMENT": "false", "STEPSIGHT_HEARTBEAT_S": "0.5"}
    from stepsight._demo.pipeline import run_pipeline

    recorded = []
    for fail, day in RUNS:
        found.clear()
        run_pipeline(fail, lambda step: print(step.name, step.exit_code))  # noqa: T201 - a script
        recorded += [(signal, _moved(signal, body, day)) for signal, body in found]
    server.shutdown()
    with gzip.GzipFile(RECORDING, "wb", mtime=0) as file:
        for signal, body in recorded:
            file.write(f"{signal} {len(body)}\n".encode() + body)


def _recorder(found: list[tuple[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.append((self.path.rpartition("/")[2], body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Say nothing: the pipeline prints."""

    return Recorder


def _moved(signal: str, body: bytes, day: str) -> bytes:
    """The request as if it had been sent on another day, from another folder."""
    request = REQUESTS[signal]()
    request.ParseFromString(body)
    today = datetime.now(tz=timezone.utc).date()
    days = (datetime.fromisoformat(day).date() - today) // timedelta(days=1)
    _change(request, days * DAY_NS, f"{today:%Y%m%d}", day.replace("-", ""))
    return request.SerializeToString()


def _change(message: Message, shift_ns: int, today: str, day: str) -> None:
    """Move every time, rename every run, take out every path of this machine."""
    for field, value in message.ListFields():
        is_list = field.is_repeated
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for each in value if is_list else [value]:
                _change(each, shift_ns, today, day)
        elif field.name.endswith("time_unix_nano") and value:
            setattr(message, field.name, value + shift_ns)
        elif field.type == FieldDescriptor.TYPE_STRING and not is_list:
            setattr(message, field.name, _cleaned(value).replace(f"-{today}-", f"-{day}-"))


def _cleaned(text: str) -> str:
    text = re.sub(r"/\S*/(stepsight/_demo/\w+\.py)", r"/steps/\1", text)
    text = re.sub(r"/\S*/site-packages/", "/steps/lib/", text)
    return text.replace(sys.prefix, "/steps").replace(os.uname().nodename, "node-1")


if __name__ == "__main__":
    main()
