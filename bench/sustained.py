"""Full load for minutes: memory, parts, write-ahead log and freshness, sampled each second.

Usage: python bench/sustained.py [--seconds 600] [--connections 4]

Senders post requests of 1,000 log records as fast as the collector answers; a refused request is
sent again after the time that the answer asks for, as exporters do. Freshness is the age of the
newest record that a query finds. At the end the senders stop, and the time until everything
acknowledged can be queried is measured. Exit code 1 if a verdict does not hold.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from _load import Collector, another, collector, cpu_s, logs_request, rss_mb

SIZE = 1000
DISTINCT = 20
MEMORY_MB = 1536
MAX_PARTS = 150
RECOVERY_S = 5.0
GROWTH = 1.15  # of memory: more is not flat
LONG_SAMPLES = 60  # a shorter run shows the warming up, not growth
SAMPLE_SQL = """
SELECT
    (SELECT count() FROM system.parts WHERE active AND table = 'otel_logs'),
    (SELECT toUnixTimestamp64Nano(max(ReceivedTimestamp)) FROM otel_logs
     WHERE Timestamp > now64(9) - INTERVAL 10 MINUTE)
"""


@dataclass(frozen=True)
class Sample:
    """What was seen in one second."""

    at_s: float
    memory_mb: float
    parts: int
    waiting_mb: float
    age_s: float


class Senders:
    """Threads that send until they are told to stop."""

    def __init__(self, address: str, connections: int) -> None:
        self._address = urlsplit(address)
        self._stop = threading.Event()
        self.acknowledged = [0] * connections
        self.refused = [0] * connections
        self._threads = [
            threading.Thread(target=self._send, args=(number,)) for number in range(connections)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, number: int) -> None:
        bodies = [logs_request(SIZE, time.time_ns(), f"m{index}") for index in range(DISTINCT)]
        connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=60
        )
        turn = 0
        while not self._stop.is_set():
            headers = {"Content-Type": "application/x-protobuf"}
            body = another(bodies[turn % DISTINCT], turn)
            connection.request("POST", "/v1/logs", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == http.HTTPStatus.OK:
                self.acknowledged[number] += SIZE
                turn += 1
            else:
                self.refused[number] += 1
                self._stop.wait(float(answer.headers.get("Retry-After", "1")))
        connection.close()


def take_sample(running: Collector, started: float) -> Sample:
    parts, newest = running.api("/api/query", {"sql": SAMPLE_SQL})["rows"][0]
    waiting = running.api("/api/status")["wal"]["bytes"]
    return Sample(
        time.monotonic() - started,
        rss_mb(running.pid),
        parts,
        waiting / 2**20,
        (time.time_ns() - newest) / 1e9 if newest else 0.0,
    )


def watch(running: Collector, seconds: float) -> list[Sample]:
    """One sample a second; a line every ten."""
    started, samples = time.monotonic(), list[Sample]()
    print("seconds  memory MB  parts  waiting MB  newest row s old")
    while time.monotonic() - started < seconds:
        samples.append(take_sample(running, started))
        one = samples[-1]
        if len(samples) % 10 == 1:
            print(
                f"{one.at_s:7.0f} {one.memory_mb:10.0f} {one.parts:6} {one.waiting_mb:11.0f} "
                f"{one.age_s:17.1f}",
                flush=True,
            )
        time.sleep(1)
    return samples


def verdicts(samples: list[Sample], peak_mb: float, recovery_s: float, lost: int) -> bool:
    """Print what holds."""
    most_parts = max(one.parts for one in samples)
    rows = [
        ("memory, peak, MB", peak_mb, MEMORY_MB),
        ("active parts, most", most_parts, MAX_PARTS),
        ("all stored after the end, s", recovery_s, RECOVERY_S),
        ("acknowledged, not stored", lost, 0),
    ]
    if len(samples) >= LONG_SAMPLES:
        rows.append(("memory, last quarter / second", growth(samples), GROWTH))
    for name, value, most in rows:
        verdict = "holds" if value <= most else "DOES NOT HOLD"
        print(f"{name:32} {value:8.1f}  at most {most:6g}  {verdict}")
    return all(value <= most for _, value, most in rows)


def growth(samples: list[Sample]) -> float:
    """Memory of the last quarter over that of the second; the first one is warming up."""
    quarter = len(samples) // 4
    before = statistics.median(one.memory_mb for one in samples[quarter : 2 * quarter])
    return statistics.median(one.memory_mb for one in samples[3 * quarter :]) / before


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--connections", type=int, default=4)
    arguments = parser.parse_args()
    with collector() as running:
        before = cpu_s(running.pid)
        senders = Senders(running.addresses["otlp_http"], arguments.connections)
        try:
            samples = watch(running, arguments.seconds)
        finally:
            senders.stop()
        ended = time.monotonic()
        sent = sum(senders.acknowledged)
        running.wait_stored(sent)
        recovery_s = time.monotonic() - ended
        spent = cpu_s(running.pid) - before
        sql = "SELECT count() FROM otel_logs"
        lost = sent - running.api("/api/query", {"sql": sql})["rows"][0][0]
        print(
            f"{sent:,} records, {sent / arguments.seconds:,.0f}/s, "
            f"{spent / sent * 1e6:.2f} CPU-s per million, "
            f"{sum(senders.refused)} requests refused and sent again"
        )
        return 0 if verdicts(samples, rss_mb(running.pid, "VmHWM"), recovery_s, lost) else 1


if __name__ == "__main__":
    sys.exit(main())
