"""Memory and time that stepsight itself takes: the collector's, and what a step pays.

Usage: python bench/footprint.py [--records 3000000]

Collector: resident memory after its start, and the largest under full load (four connections,
requests of 1,000 log records). Step: import time and resident memory against the same script
without stepsight, in fresh processes, median of several; and how long a step takes to end when no
collector is there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from _load import another, collector, logs_request, rss_mb, send_all

ROUNDS = 15
BODIES = 40
RECORDS_A_REQUEST = 1000

# A step imports more than nothing: logging and threading are there in any script that matters.
PLAIN = "import logging, threading\n"
IMPORT = """
import time
started = time.perf_counter()
{what}
print((time.perf_counter() - started) * 1000)
"""
MEMORY = """
{what}
from pathlib import Path
for line in Path("/proc/self/status").read_text().splitlines():
    if line.startswith("VmRSS:"):
        import sys
        print(int(line.split()[1]) / 1024, file=sys.__stdout__)
"""
STEADY = """
import logging, threading, pathlib
from stepsight import flush, logger, run
for index in range(3000):
    logger.info("line %d", index)
    run.log("loss", 1 / (index + 1))
flush()
"""


def output_of(script: str, environment: dict[str, str]) -> float:
    """Run a script in a fresh interpreter; returns the number that it prints."""
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return float(result.stdout.split()[-1])


def median_difference(script: str, plain: str, environment: dict[str, str]) -> float:
    """Run both in turn, several times; returns the median of the differences."""
    return statistics.median(
        output_of(script, environment) - output_of(plain, environment) for _ in range(ROUNDS)
    )


def end_without_collector(spool: str) -> float:
    """Seconds that a step of three records takes more than the same script without stepsight."""
    environment = {
        **os.environ,
        "STEPSIGHT_ENDPOINT": "http://127.0.0.1:9",
        "STEPSIGHT_SPOOL": spool,
    }
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS):
        for name, script in (
            ("ours", "from stepsight import logger\nfor _ in range(3): logger.info('x')"),
            ("plain", PLAIN),
        ):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", script],
                env=environment,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            times[name].append(time.perf_counter() - started)
    return statistics.median(a - b for a, b in zip(times["ours"], times["plain"], strict=True))


def measure_collector(records: int) -> None:
    """Print the collector's memory and, while it is there, a step's."""
    distinct = [
        logs_request(RECORDS_A_REQUEST, time.time_ns() + index * 10**6) for index in range(BODIES)
    ]
    bodies = [
        another(distinct[index % BODIES], index) for index in range(records // RECORDS_A_REQUEST)
    ]
    with collector() as running:
        time.sleep(3)
        print(f"collector, idle                          {rss_mb(running.pid):8.0f} MB resident")
        environment = running.step_environment()
        plain = MEMORY.format(what=PLAIN + "import pathlib")
        added = median_difference(MEMORY.format(what=STEADY), plain, environment)
        print(f"step, 3,000 log calls and metrics        {added:+8.1f} MB resident")
        before = running.api("/api/status")["records"]["stored"]
        wall_s = send_all(running.addresses["otlp_http"], bodies)
        running.wait_stored(before + len(bodies) * RECORDS_A_REQUEST)
        peak = rss_mb(running.pid, "VmHWM")
        rate = len(bodies) * RECORDS_A_REQUEST / wall_s
        print(f"collector, full load ({rate:,.0f} records/s) {peak:8.0f} MB resident at most")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=3_000_000)
    records = parser.parse_args().records
    imported = median_difference(
        IMPORT.format(what="import logging, threading, stepsight"),
        IMPORT.format(what=PLAIN),
        dict(os.environ),
    )
    print(f"import stepsight                         {imported:+8.1f} ms over logging, threading")
    bare = median_difference(
        IMPORT.format(what="import stepsight"), IMPORT.format(what="pass"), dict(os.environ)
    )
    print(f"import stepsight                         {bare:+8.1f} ms over a bare interpreter")
    with tempfile.TemporaryDirectory() as spool:
        delay_s = end_without_collector(spool)
    print(f"a whole step when no collector is there  {delay_s * 1000:+8.0f} ms")
    measure_collector(records)


if __name__ == "__main__":
    main()
