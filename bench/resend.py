"""What knowing re-sent requests costs, beside the check that every request passes.

Usage: python bench/resend.py [--requests 2000]

Both are timed on the same body, one after the other as at the door, so the caches are as they are
there; medians, since other work on the machine only adds. The check is the smaller half of
receiving a request (with HTTP, log and sync about 0.95 CPU-seconds per million records).
"""

from __future__ import annotations

import argparse
import statistics
import time

from _load import logs_request
from stepsight_collector.receivers.check import check
from stepsight_collector.receivers.resend import Resends


def compare(size: int, requests: int) -> None:
    resends = Resends(600, 200_000)
    bodies = [logs_request(size, time.time_ns() + index * 10**6) for index in range(requests)]
    checks, windows = [], []
    for body in bodies:
        started = time.perf_counter()
        check("logs", body)
        checked = time.perf_counter()
        key = resends._key("logs", "default", body)  # noqa: SLF001 - the parts of `keep`
        assert not resends._knows(key)  # noqa: SLF001
        resends._add(key)  # noqa: SLF001
        windows.append(time.perf_counter() - checked)
        checks.append(checked - started)
    check_us, window_us = (statistics.median(each) * 1e6 for each in (checks, windows))
    share = window_us / (size * 0.95) * 100
    print(f"{size:>8} {len(bodies[0]):>8} {check_us:>10.1f} {window_us:>10.2f} {share:>12.2f} %")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000)
    arguments = parser.parse_args()
    print(f"{'records':>8} {'bytes':>8} {'check us':>10} {'window us':>10} {'of receiving':>14}")
    compare(100, arguments.requests)
    compare(1000, arguments.requests // 5)


if __name__ == "__main__":
    main()
