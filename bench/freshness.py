"""How long after `logger.info` a record is in the answer of a query, under light load.

Usage: python bench/freshness.py [--records 100]

A step of its own logs one record at a time at random moments; this process asks the query API for
the newest record until it is there, as `stepsight query --sql` does. Both read the same clock.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time

from _load import collector

POLL_S = 0.005
TIMEOUT_S = 30
STEP = """
import sys, time
from stepsight import logger
for line in sys.stdin:
    print(time.time_ns(), flush=True, file=sys.__stdout__)
    logger.info("freshness %s", line.strip())
"""
SQL = "SELECT count() FROM otel_logs WHERE Body = 'freshness {number}'"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100)
    records = parser.parse_args().records
    with collector() as running:
        step = subprocess.Popen(
            [sys.executable, "-c", STEP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=running.step_environment(),
        )
        assert step.stdin is not None
        assert step.stdout is not None
        waits_s = []
        for number in range(records + 1):
            time.sleep(random.uniform(0.0, 0.4))
            step.stdin.write(f"{number}\n")
            step.stdin.flush()
            logged_at = int(step.stdout.readline())
            while not running.api("/api/query", {"sql": SQL.format(number=number)})["rows"][0][0]:
                if time.time_ns() - logged_at > TIMEOUT_S * 1e9:
                    raise RuntimeError(f"record {number} is not visible after {TIMEOUT_S} s")
                time.sleep(POLL_S)
            waits_s.append((time.time_ns() - logged_at) / 1e9)
        step.stdin.close()
        step.wait(30)
    waits_s = waits_s[1:]  # the first one pays for the step's start of recording
    quantiles = statistics.quantiles(waits_s, n=20, method="inclusive")
    print(f"logger.info to visible in a query, {records} records, one at a time")
    print(
        f"p50 {statistics.median(waits_s) * 1000:.0f} ms   p95 {quantiles[-1] * 1000:.0f} ms   ",
        end="",
    )
    print(f"max {max(waits_s) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
