"""The OpenTelemetry Collector with its ClickHouse exporter, as a peer.

otelcol/ holds its main.go and go.mod; `go build` makes the program once, into a directory that
git ignores. Its settings are those that the exporter's documentation recommends, but without
compression, which the others leave out too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from _peers import Forwarder, Sink, free_port, started

HERE = Path(__file__).parent
SOURCE = HERE / "otelcol"
PROGRAM = SOURCE / "build" / "otelcol"
BATCH_RECORDS = 100_000


class ClickHouseSink(Sink):
    """A ClickHouse that counts the rows of what is inserted and forgets them."""

    command = (str(HERE / "_clickhouse_sink.py"),)
    unit = "rows"

    def wanted(self, _bodies: list[bytes], records: int) -> int:
        return records


def otelcol() -> Forwarder:
    """Build the collector if need be, start it, and its sink."""
    program = build()
    sink = ClickHouseSink()
    http, grpc = free_port(), free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(settings(http, grpc, sink.port), file)
        file.flush()
        # It has read the file by the time that its ports are open.
        return started([str(program), "--config", file.name], http, grpc, sink)


def build() -> Path:
    """Compile otelcol/, unless that is done; says plainly what is missing."""
    newest = max(path.stat().st_mtime for path in SOURCE.iterdir() if path.is_file())
    if PROGRAM.exists() and PROGRAM.stat().st_mtime > newest:
        return PROGRAM
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")
    if go is None:
        raise SystemExit(
            "The peer otelcol is built with Go (1.26 or later), and no `go` was found. "
            "Install it from https://go.dev/dl, or leave the peer out: --peers rotel."
        )
    print("building the OpenTelemetry Collector (some minutes the first time) ...", flush=True)
    subprocess.run(
        [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(PROGRAM), "."],
        cwd=SOURCE,
        check=True,
    )
    return PROGRAM


def settings(http: int, grpc: int, clickhouse: int) -> dict[str, object]:
    """The collector's configuration; JSON is YAML."""
    protocols = {
        "http": {"endpoint": f"127.0.0.1:{http}"},
        "grpc": {"endpoint": f"127.0.0.1:{grpc}", "max_recv_msg_size_mib": 64},
    }
    pipeline = {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["clickhouse"]}
    return {
        "receivers": {"otlp": {"protocols": protocols}},
        "processors": {"batch": {"timeout": "1s", "send_batch_size": BATCH_RECORDS}},
        "exporters": {
            "clickhouse": {
                "endpoint": f"http://127.0.0.1:{clickhouse}",
                "database": "otel",
                "compress": "none",
                "timeout": "60s",
            }
        },
        "service": {
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
            "pipelines": dict.fromkeys(("logs", "traces", "metrics"), pipeline),
        },
    }
