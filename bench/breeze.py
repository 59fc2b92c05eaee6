"""CPU per million App Insights envelopes, beside the floor: parsing the same JSON, nothing else.

Usage: python bench/breeze.py [--envelopes 100000] [--rounds 5]

The bodies are captured ones of real clients, with texts and times that change from one to the next.
`json.loads` and `orjson.loads` only parse; "translate" parses and makes OTLP requests; "with check"
also validates those, as the receiver does before they go to the write-ahead log. One process, CPU
time of its thread, the median of the rounds; each round runs all of them in turn.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from stepsight_collector.breeze import translate
from stepsight_collector.receivers.check import check

if TYPE_CHECKING:
    from collections.abc import Callable

PAYLOADS = Path(__file__).parents[1] / "tests" / "golden" / "breeze"
KINDS = {
    "logs (OpenCensus)": "opencensus_trace",
    "logs (OpenTelemetry)": "otel_trace",
    "exceptions": "otel_exception",
    "spans": "otel_dependency",
    "metrics": "otel_metric",
}


def body(name: str, size: int) -> bytes:
    """Build a body of `size` envelopes, none quite like another."""
    document = json.loads((PAYLOADS / f"{name}.json").read_text())
    items = document["request"]["body"]
    envelopes = []
    for index in range(size):
        envelope = copy.deepcopy(items[index % len(items)])
        envelope["time"] = f"2026-11-24T03:31:{index // 100 % 60:02}.{index:06}Z"
        base: dict[str, Any] = envelope["data"]["baseData"]
        if "message" in base:
            base["message"] += f" batch {index} done, loss {index / 997:.5f}"
        if "id" in base:
            base["id"] = f"{index + 1:016x}"
        for metric in base.get("metrics", []):
            metric["value"] = index / 997
        base["properties"] |= {"parent_run_id": "digits-20261124", "batch": str(index)}
        envelopes.append(envelope)
    return json.dumps(envelopes).encode()


def with_check(data: bytes) -> None:
    """Translate and validate, as the receiver does."""
    for request in translate(data, lambda _: "default").requests:
        check(request.signal, request.body)


METHODS: dict[str, Callable[[bytes], Any]] = {
    "json.loads": json.loads,
    "orjson.loads": orjson.loads,
    "translate": lambda data: translate(data, lambda _: "default"),
    "with check": with_check,
}


def cpu_us(function: Callable[[bytes], Any], data: bytes, repeats: int) -> float:
    """CPU time of one call, in microseconds."""
    started = time.thread_time()
    for _ in range(repeats):
        function(data)
    return (time.thread_time() - started) / repeats * 1e6


def main() -> None:
    """Measure every kind and size, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--envelopes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("CPU-seconds per million envelopes")
    print(f"{'kind':22} {'items':>5} {'bytes':>6}", *(f"{name:>12}" for name in METHODS), " ratio")
    for kind, name in KINDS.items():
        for size in (1000, 100):
            data = body(name, size)
            repeats = max(1, arguments.envelopes // size // arguments.rounds)
            rounds = [
                {method: cpu_us(run, data, repeats) / size for method, run in METHODS.items()}
                for _ in range(arguments.rounds)
            ]
            median = {method: statistics.median(each[method] for each in rounds)
                      for method in METHODS}  # fmt: skip
            ratio = median["with check"] / median["json.loads"]
            figures = " ".join(f"{value:12.2f}" for value in median.values())
            print(f"{kind:22} {size:5} {len(data) // size:6} {figures}  {ratio:.2f}")


if __name__ == "__main__":
    main()
