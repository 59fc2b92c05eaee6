"""CPU seconds per million log records, from the wire to the committed row, beside Rotel.

Usage: python bench/ingest.py [--records 600000] [--sizes 1000,100] [--rounds 3]

Both get the same request bodies over HTTP from the same sender. The collector validates, writes its
log ahead, syncs, acknowledges, and inserts into the embedded engine, merges included. Rotel (Rust)
only forwards: it batches as it does by default and sends to a local sink that reads and discards.
CPU time is the operating system's, of the whole process with all its threads; the sender and the
sink are processes of their own and are not counted.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import rotel

from _load import Collector, collector, cpu_s, logs_request, rss_mb, send_all

ROUND_BODIES = 40  # distinct bodies, sent over and over

# Rotel's OTLP/HTTP exporter compresses whatever it is told, so it forwards over gRPC, uncompressed.
SINK = """
import sys, threading
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


class Sink:
    """An OTLP/gRPC server that reads, answers and forgets."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def received(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_rotel(sink: Sink) -> tuple[subprocess.Popen[bytes], str]:
    program = Path(rotel.__file__ or "").parent / "rotel-agent"
    port = free_port()
    process = subprocess.Popen(
        [
            *(str(program), "start", "--otlp-http-endpoint", f"127.0.0.1:{port}"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}", "--exporter", "otlp"),
            *("--otlp-exporter-endpoint", f"http://127.0.0.1:{sink.port}"),
            *("--otlp-exporter-protocol", "grpc", "--otlp-exporter-logs-compression", "none"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, f"http://127.0.0.1:{port}"
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("Rotel did not start")
        time.sleep(0.05)


def measure_collector(running: Collector, bodies: list[bytes], size: int) -> float:
    before_records = running.api("/api/status")["records"]["stored"]
    before = cpu_s(running.pid)
    send_all(running.addresses["otlp_http"], bodies)
    running.wait_stored(before_records + len(bodies) * size)
    time.sleep(2)  # merges that this load caused are paid by this load
    return cpu_s(running.pid) - before


def measure_rotel(
    process: subprocess.Popen[bytes], address: str, sink: Sink, bodies: list[bytes]
) -> float:
    want = sink.received() + int(0.98 * sum(map(len, bodies)))  # re-encoding saves some bytes
    before = cpu_s(process.pid)
    send_all(address, bodies)
    deadline = time.monotonic() + 120
    while sink.received() < want:
        if time.monotonic() > deadline:
            raise RuntimeError(f"Rotel forwarded {sink.received()} bytes, expected {want}")
        time.sleep(0.05)
    return cpu_s(process.pid) - before


def compare(size: int, records: int, rounds: int) -> None:
    distinct = [logs_request(size, time.time_ns() + index * 10**6) for index in range(ROUND_BODIES)]
    bodies = [distinct[index % ROUND_BODIES] for index in range(records // size)]
    ours: list[float] = []
    theirs: list[float] = []
    sink = Sink()
    forwarder = start_rotel(sink)
    try:
        with collector() as running:
            idle = rss_mb(running.pid)
            for round_number in range(rounds + 1):  # the first one warms up
                one = measure_collector(running, bodies, size)
                other = measure_rotel(*forwarder, sink, bodies)
                if round_number:
                    ours.append(one / records * 1e6)
                    theirs.append(other / records * 1e6)
            peak = rss_mb(running.pid, "VmHWM")
    finally:
        for process in (forwarder[0], sink.process):
            process.kill()
            process.wait()
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"{size:>7} {len(distinct[0]) / size:>9.0f} {statistics.median(ours):>11.2f} "
        f"{statistics.median(theirs):>11.2f} {ratio:>9.2f} {idle:>9.0f} {peak:>9.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=600_000, help="records in a round")
    parser.add_argument("--sizes", default="1000,100", help="records in a request")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(
        f"logs over HTTP, {arguments.records} records a round, median of {arguments.rounds}, "
        f"{os.cpu_count()} cores"
    )
    print("CPU-seconds per million records; memory of the collector in MB")
    print("records/ bytes/      stepsight       Rotel     ratio  idle MB   peak MB")
    print("request record  wire to stored  forwarding")
    for size in arguments.sizes.split(","):
        compare(int(size), arguments.records, arguments.rounds)


if __name__ == "__main__":
    main()
