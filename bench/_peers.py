"""Forwarders to compare with, and the sink that they forward to."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import rotel as rotel_package

# Rotel's OTLP/HTTP exporter compresses whatever it is told, so all forward over gRPC, uncompressed.
SINK = """
import sys
from concurrent.futures import ThreadPoolExecutor
import grpc

received = 0

def export(request, context):
    global received
    received += len(request)
    return b""

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(export)

server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", 1 << 28)])
server.add_generic_rpc_handlers((Handler(),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
for _ in sys.stdin:
    print(received, flush=True)
"""
TIMEOUT_S = 120


class Sink:
    """An OTLP/gRPC server that reads, answers and forgets."""

    command: tuple[str, ...] = ("-c", SINK)
    unit = "bytes"

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def received(self) -> int:
        """How much came so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wanted(self, bodies: list[bytes], _records: int) -> int:
        """What comes at least of these requests: re-encoding saves some bytes."""
        return int(0.95 * sum(map(len, bodies)))

    def wait_received(self, want: int) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while self.received() < want:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.received()} {self.unit} were forwarded, expected {want}")
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Forwarder:
    """A running forwarder."""

    process: subprocess.Popen[bytes]
    http_address: str
    grpc_address: str
    sink: Sink

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.sink.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rotel() -> Forwarder:
    """Start Rotel with its defaults, and its sink."""
    sink = Sink()
    http, grpc = free_port(), free_port()
    program = Path(rotel_package.__file__ or "").parent / "rotel-agent"
    command = [
        *(str(program), "start", "--otlp-http-endpoint", f"127.0.0.1:{http}"),
        *("--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--exporter", "otlp"),
        *("--otlp-exporter-endpoint", f"http://127.0.0.1:{sink.port}"),
        *("--otlp-exporter-protocol", "grpc", "--otlp-exporter-compression", "none"),
        *("--otlp-exporter-logs-compression", "none"),
        *("--otlp-exporter-traces-compression", "none"),
        *("--otlp-exporter-metrics-compression", "none"),
    ]
    return started(command, http, grpc, sink)


def started(command: list[str], http: int, grpc: int, sink: Sink) -> Forwarder:
    """Start a forwarder and wait for its ports."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    for port in (http, grpc):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start")
            time.sleep(0.05)
    return Forwarder(process, f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}", sink)
