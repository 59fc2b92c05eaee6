"""CPU seconds per million records, from the wire to the committed row, beside its peers.

Usage: python bench/ingest.py [--signals logs,traces,metrics] [--sizes 1000,100]
                              [--transports http,grpc] [--gzip off,on] [--records 600000]
                              [--rounds 3] [--peers rotel,otelcol]

All get the same request bodies from the same sender, in turn, round by round; the figures are
medians of the rounds. CPU time is the operating system's, of whole processes with all threads.

stepsight  validates, writes its log ahead, syncs, acknowledges, decodes, inserts into the embedded
           engine, keeps run and step states; measured until the last merge has ended.
Rotel      (Rust) only forwards: it batches as it does by default and sends to a local sink.
otelcol    (Go) the OpenTelemetry Collector with its ClickHouse exporter: decodes, batches and sends
           Native blocks to a ClickHouse that discards them. Built on demand, see _otelcol.py.
engine     inserts the same rows, read back in Native format, into a table of the same
           definition, merges included: see _engine.py.
ratio      stepsight / (peer + engine), for each peer; the bar is 0.85 for Rotel.
"""

from __future__ import annotations

import argparse
import os
import statistics
from dataclasses import dataclass, field

from _engine import Engine
from _load import (
    Collector,
    collector,
    compressed,
    cpu_s,
    request_bodies,
    rss_mb,
    send_all,
    send_all_grpc,
)
from _otelcol import otelcol
from _peers import Forwarder, rotel
from stepsight_collector import native

PEERS = {"rotel": rotel, "otelcol": otelcol}


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    signal: str
    size: int
    transport: str
    gzip: bool

    def send(self, http_address: str, grpc_address: str, bodies: list[bytes]) -> None:
        if self.transport == "grpc":
            send_all_grpc(grpc_address, bodies, signal=self.signal, compress=self.gzip)
        else:
            send_all(http_address, bodies, path=f"/v1/{self.signal}")


@dataclass
class Figures:
    """CPU seconds per million records of each round."""

    rounds: dict[str, list[float]] = field(default_factory=dict)
    peak_mb: float = 0.0

    def add(self, name: str, cpu: float, records: int) -> None:
        self.rounds.setdefault(name, []).append(cpu / records * 1e6)

    def median(self, name: str) -> float:
        return statistics.median(self.rounds.get(name, [float("nan")]))

    def ratio(self, peer: str) -> float:
        names = ("stepsight", peer, "engine")
        rounds = zip(*(self.rounds[name] for name in names), strict=True)
        return float(statistics.median(ours / (other + engine) for ours, other, engine in rounds))


def measure_collector(running: Collector, case: Case, bodies: list[bytes], records: int) -> float:
    stored = running.api("/api/status")["records"]["stored"]
    before = cpu_s(running.pid)
    grpc_address = running.addresses["otlp_grpc"].partition("//")[2]
    case.send(running.addresses["otlp_http"], grpc_address, bodies)
    running.wait_stored(stored + records, interval_s=0.25)
    running.wait_merged()
    return cpu_s(running.pid) - before


def measure_forwarder(
    forwarder: Forwarder, case: Case, sent: list[bytes], plain: list[bytes]
) -> float:
    sink = forwarder.sink
    want = sink.received() + sink.wanted(plain, len(plain) * case.size)
    before = cpu_s(forwarder.pid)
    case.send(forwarder.http_address, forwarder.grpc_address, sent)
    sink.wait_received(want)
    return cpu_s(forwarder.pid) - before


def measure(case: Case, records: int, rounds: int, peers: list[str]) -> Figures:
    # The first round warms up. Each has records of its own: parts that repeat one another's times
    # would merge row by row.
    plain = [request_bodies(case.signal, records, case.size) for _ in range(rounds + 1)]
    records = len(plain[0]) * case.size
    figures = Figures()
    forwarders = {peer: PEERS[peer]() for peer in peers}
    engine = Engine(case.signal, plain, case.size)
    try:
        with collector() as running:
            for number, bodies in enumerate(plain):
                one = figures if number else Figures()
                sent = compressed(bodies) if case.gzip and case.transport == "http" else bodies
                one.add("stepsight", measure_collector(running, case, sent, records), records)
                for peer, forwarder in forwarders.items():
                    one.add(peer, measure_forwarder(forwarder, case, sent, bodies), records)
                one.add("engine", engine.measure(), records)
            figures.peak_mb = rss_mb(running.pid, "VmHWM")
    finally:
        for forwarder in forwarders.values():
            forwarder.stop()
        engine.stop()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=600_000, help="records in a round")
    parser.add_argument("--signals", default="logs,traces,metrics")
    parser.add_argument("--sizes", default="1000,100", help="records in a request")
    parser.add_argument("--transports", default="http")
    parser.add_argument("--gzip", default="off")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default="rotel", help=f"of {', '.join(PEERS)}")
    arguments = parser.parse_args()
    print(
        f"{arguments.records} records a round, median of {arguments.rounds} rounds, "
        f"{os.cpu_count()} cores, {'with' if native.is_there() else 'WITHOUT'} the native library; "
        "CPU-seconds per million records"
    )
    peers = arguments.peers.split(",")
    columns = "".join(f" {name:>8}" for name in (*peers, "engine", *(f"/{one}" for one in peers)))
    print(f"signal   size via  gzip  stepsight{columns}  peak MB")
    for case in (
        Case(signal, int(size), transport, gzip == "on")
        for signal in arguments.signals.split(",")
        for transport in arguments.transports.split(",")
        for gzip in arguments.gzip.split(",")
        for size in arguments.sizes.split(",")
    ):
        got = measure(case, arguments.records, arguments.rounds, peers)
        figures = [*map(got.median, (*peers, "engine")), *map(got.ratio, peers)]
        print(
            f"{case.signal:8} {case.size:4} {case.transport:4} {'on' if case.gzip else 'off':4} "
            f"{got.median('stepsight'):10.2f}{''.join(f' {one:8.2f}' for one in figures)} "
            f"{got.peak_mb:8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
