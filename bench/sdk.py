"""What a log call costs a step: ours beside FileHandler, OpenTelemetry, OpenCensus and Logfire.

Usage: python bench/sdk.py [--records 20000] [--rounds 5] [--burst 100000]

Every figure comes from a process of its own, the peers in turn within a round, medians of the
rounds. The caller's cost is the CPU time of the calling thread; the total is that of the whole
process, from the first call to the end of the export, less the same for a NullHandler. A sink
process receives, counts and answers; its CPU time is not counted. OpenCensus and Logfire take part
when they are installed (`pip install opencensus-ext-azure logfire`).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SINK = Path(__file__).with_name("_sink.py")

# One script a peer: `log(index)` logs, `finish()` delivers. URL is the sink's.
COMMON = """
import json, logging, os, sys, time
URL = os.environ["SINK"]
def own_handler(handler):
    logger = logging.getLogger("bench")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    return logger
"""
TEXT = '"epoch %d: loss %f, accuracy %f", index % 50, index / 997, 0.5'
EXTRA = 'extra={"custom_dimensions": {"worker": "rank0", "batch": index}}'
PEERS = {
    "NullHandler": f"""
logger = own_handler(logging.NullHandler())
def log(index): logger.info({TEXT}, {EXTRA})
def finish(): pass
""",
    "FileHandler": f"""
handler = logging.FileHandler(os.environ["FILE"])
handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
logger = own_handler(handler)
def log(index): logger.info({TEXT}, {EXTRA})
finish = handler.close
""",
    "stepsight": f"""
import stepsight
logger = own_handler(logging.NullHandler())
stepsight.init(endpoint=URL, spool=os.environ["FILE"] + ".spool", exit_timeout_s=60)
def log(index): logger.info({TEXT}, {EXTRA})
def finish(): stepsight.flush(60)
""",
    "opentelemetry": f"""
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
try:
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
except ImportError:
    from opentelemetry.sdk._logs import LoggingHandler
provider = LoggerProvider()
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(URL + "/v1/logs")))
logger = own_handler(LoggingHandler(logger_provider=provider))
def log(index): logger.info({TEXT}, extra={{"worker": "rank0", "batch": index}})
def finish(): provider.shutdown()
""",
    "opencensus": f"""
from opencensus.ext.azure.log_exporter import AzureLogHandler
key = "InstrumentationKey=00000000-0000-0000-0000-000000000001;IngestionEndpoint=" + URL
os.environ["APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL"] = "1"
handler = AzureLogHandler(connection_string=key, enable_stats_metrics=False)
logger = own_handler(handler)
def log(index): logger.info({TEXT}, {EXTRA})
def finish():
    handler.flush(60)
    handler.close()
""",
    "logfire": f"""
import logfire
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor
logfire.configure(
    send_to_logfire=False, console=False, inspect_arguments=False, scrubbing=False,
    additional_span_processors=[BatchSpanProcessor(OTLPSpanExporter(URL + "/v1/traces"))],
)
logger = own_handler(logfire.LogfireLoggingHandler())
def log(index): logger.info({TEXT}, extra={{"worker": "rank0", "batch": index}})
def finish(): logfire.shutdown(60_000)
""",
}
NEEDS = {"opencensus": "opencensus.ext.azure", "logfire": "logfire"}
IMPORTS = {
    "stepsight": "import stepsight",
    "opentelemetry": "from opentelemetry.exporter.otlp.proto.http._log_exporter import *",
    "opencensus": "import opencensus.ext.azure.log_exporter",
    "logfire": "import logfire",
}
MEASURE = """
records, pause = int(sys.argv[1]), float(sys.argv[2])
for index in range(200):
    log(index)  # first calls import and connect
time.sleep(0.5)
begin, caller = time.process_time(), 0.0
for index in range(records):
    before = time.thread_time()
    log(index)
    caller += time.thread_time() - before
    if pause and index % 100 == 99:
        time.sleep(pause)  # a step computes between its lines: the queue stays short
finish()
total = time.process_time() - begin
print(json.dumps({"caller": caller, "total": total}), file=sys.__stdout__)
"""
END = """
for index in range(1000):
    log(index)
print(json.dumps({"logged": time.time()}), flush=True, file=sys.__stdout__)
"""


class Sink:
    """A process that takes OTLP and App Insights requests, counts, answers, forgets."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SINK), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"http://127.0.0.1:{self._line()}"

    def records(self) -> int:
        """Return how many records came since the last call."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def run(script: str, url: str, *arguments: object) -> dict[str, float]:
    """Run a script in a fresh process; returns the JSON of its last line, and `ended`."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)],
            env={**os.environ, "SINK": url, "FILE": str(Path(folder) / "log")},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    if done.returncode != 0:
        raise RuntimeError(f"a peer failed:\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def present() -> list[str]:
    """The peers that are installed."""
    names = []
    for name in PEERS:
        try:
            found = name not in NEEDS or importlib.util.find_spec(NEEDS[name]) is not None
        except ImportError:
            found = False
        if found:
            names.append(name)
        else:
            print(f"left out: {name} is not installed")
    return names


def measure_cost(names: list[str], sink: Sink, records: int, rounds: int) -> None:
    """Print the caller's and the whole cost of a record."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            script = COMMON + PEERS[name] + MEASURE
            found[name].append(run(script, sink.url, records, 0.002))
    base = statistics.median(row["total"] for row in found["NullHandler"])
    print(f"\nlog calls with pauses between them, {records} records, median of {rounds}")
    print(f"{'':14}{'caller µs':>12}{'total µs':>12}")
    for name, rows in found.items():
        caller = statistics.median(row["caller"] for row in rows) / records * 1e6
        total = (statistics.median(row["total"] for row in rows) - base) / records * 1e6
        print(f"{name:14}{caller:12.2f}{max(total, 0.0):12.2f}")


def measure_burst(names: list[str], sink: Sink, records: int) -> None:
    """Print how many records of a burst do not arrive."""
    print(f"\na burst of {records} records, as fast as the loop goes, then the end of the process")
    print(f"{'':14}{'caller µs':>12}{'lost':>10}")
    for name in names:
        if name.endswith("Handler"):
            continue
        sink.records()
        row = run(COMMON + PEERS[name] + MEASURE, sink.url, records, 0)
        lost = records + 200 - sink.records()
        print(f"{name:14}{row['caller'] / records * 1e6:12.2f}{lost:10}")


def measure_end(names: list[str], sink: Sink) -> None:
    """Print how long the end of a process takes after its last line."""
    silent = Sink("--silent")
    places = {"up": sink.url, "down": "http://127.0.0.1:9", "silent": silent.url}
    print("\nseconds from the last of 1,000 lines to the end of the process, collector …")
    print(f"{'':14}" + "".join(f"{place:>10}" for place in places))
    try:
        for name in names:
            row = [end_delay_s(COMMON + PEERS[name] + END, url) for url in places.values()]
            print(f"{name:14}" + "".join(f"{delay:>10.2f}" for delay in row))
    finally:
        silent.stop()


def end_delay_s(script: str, url: str) -> float:
    """Run a script that logs and leaves; returns the seconds from its last line to its end."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", script.replace(", exit_timeout_s=60", "")],
            env={**os.environ, "SINK": url, "FILE": str(Path(folder) / "log")},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        logged = json.loads(process.stdout.readline())["logged"]
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return time.time() - float(logged)


def measure_imports(names: list[str], rounds: int) -> None:
    """Print import times over a bare interpreter."""
    print("\nimport, ms over a bare interpreter")
    script = "import json, time\nbegin = time.perf_counter()\n{}\n"
    script += 'print(json.dumps({{"ms": (time.perf_counter() - begin) * 1000}}))'
    for name in names:
        if name in IMPORTS:
            took: list[Any] = [run(script.format(IMPORTS[name]), "")["ms"] for _ in range(rounds)]
            print(f"{name:14}{statistics.median(took):10.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--burst", type=int, default=100_000)
    arguments = parser.parse_args()
    names = present()
    sink = Sink()
    try:
        measure_cost(names, sink, arguments.records, arguments.rounds)
        measure_burst(names, sink, arguments.burst)
        measure_end(names, sink)
        measure_imports(names, arguments.rounds)
    finally:
        sink.stop()


if __name__ == "__main__":
    main()
