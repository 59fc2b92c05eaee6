"""What the collector costs while a few steps run as steps do: CPU, and how fresh their lines are.

Usage: python bench/light_load.py [--seconds 20] [--steps 3]

Each step logs ten lines and two metric rows a second, in a process of its own. CPU is the
collector's, as a share of one core; the age of the newest line is asked for four times a second.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from _load import Collector, collector, cpu_s

STEP = """
import sys, time
import stepsight
from stepsight import logger, run
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    logger.info("a line as steps log them, with some words in it")
    if int(time.monotonic() * 10) % 5 == 0:
        run.log("loss", 0.5)
    time.sleep(0.1)
"""
AGE_SQL = (
    "SELECT toUnixTimestamp64Nano(max(Timestamp)) FROM otel_logs WHERE ScopeName = 'stepsight'"
)


def ages_s(running: Collector, seconds: float) -> list[float]:
    """Ask for the age of the newest line until the time is over."""
    ages = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        newest = running.api("/api/query", {"sql": AGE_SQL})["rows"][0][0]
        ages.append(time.time() - newest / 1e9)
        time.sleep(0.25)
    return ages


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    with collector() as running:
        before = cpu_s(running.pid)
        time.sleep(5)
        idle = (cpu_s(running.pid) - before) / 5
        steps = [
            subprocess.Popen(
                [sys.executable, "-c", STEP, str(arguments.seconds + 4)],
                env=running.step_environment(),
                stderr=subprocess.DEVNULL,
            )
            for _ in range(arguments.steps)
        ]
        time.sleep(2)
        before, started = cpu_s(running.pid), time.monotonic()
        ages = ages_s(running, arguments.seconds)
        share = (cpu_s(running.pid) - before) / (time.monotonic() - started)
        for step in steps:
            step.wait(30)
    p95 = statistics.quantiles(ages, n=20, method="inclusive")[-1]
    print(f"{arguments.steps} steps, ten lines and two metric rows a second each")
    print(f"collector, idle       {idle:6.1%} of a core")
    print(f"collector, with them  {share:6.1%} of a core, the queries for their age included")
    print(f"age of the newest line  median {statistics.median(ages):.2f} s   95 % {p95:.2f} s")


if __name__ == "__main__":
    main()
