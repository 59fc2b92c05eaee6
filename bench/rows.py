"""What it saves that the native library makes rows of a segment: CPU-s per million records.

Usage: python bench/rows.py [--records 80000] [--rounds 5]

"views" hands a segment to the engine as it is, "rows" is reading it, making rows and inserting
these, of which "made" is all before the insert; each in a database of its own with the whole
schema, the same segments in turn. "floor" inserts the same block into a table without views.
"unordered" is "rows" with requests that arrive in any order. Merges are not included. Rows of both
ways are compared at the end.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from _load import request_bodies
from insert_cost import Engine, Variant, segment
from stepsight_collector import native

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from stepsight_collector.wal import Signal

MESSAGES: dict[Signal, str] = {"logs": "IngestLogs", "traces": "IngestTraces"}
WAYS = ("views", "rows", "unordered", "made", "floor")


class Ways:
    """One engine, a database for each way that stores rows."""

    def __init__(self, directory: Path, signal: Signal) -> None:
        self._engine = Engine(directory)
        self._signal = signal
        self._file = directory / "segment.wal"
        self._memory = os.memfd_create("rows")
        self._tokens = 0
        for name in ("views", "rows", "unordered", "floor"):
            self._engine.add(Variant(name))
        self._writer("floor").command(f"CREATE TABLE twin AS otel_{signal}")

    def measure(self, bodies: list[bytes], size: int) -> dict[str, float]:
        """CPU seconds of each way."""
        self._tokens += 1
        self._file.write_bytes(segment(bodies, size))
        spent = {"views": self._views()}
        spent["made"] = self._make()
        spent["rows"] = spent["made"] + self._insert("rows", f"flat_{self._signal}")
        spent["floor"] = self._insert("floor", "twin")
        self._file.write_bytes(segment(random.sample(bodies, len(bodies)), size))
        made = self._make()
        spent["unordered"] = made + self._insert("unordered", f"flat_{self._signal}")
        return spent

    def check(self) -> None:
        """End the program if the ways stored different rows."""
        sql = (
            "SELECT count(), sum(cityHash64(tuple(* EXCEPT ReceivedTimestamp))) "
            f"FROM otel_{self._signal}"
        )
        views, rows = (self._writer(way).query(sql).result_rows for way in ("views", "rows"))
        assert views == rows, (views, rows)

    def close(self) -> None:
        os.close(self._memory)

    def _writer(self, way: str) -> Client:
        writer: Client = self._engine.writers[way]
        return writer

    def _views(self) -> float:
        settings = {
            "format_schema_source": "file",
            "format_schema": self._engine.proto,
            "format_schema_message_name": MESSAGES[self._signal],
            "input_format_protobuf_oneof_presence": 1,
            "insert_deduplication_token": self._tokens,
        }
        clause = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
        before = time.process_time()
        self._writer("views").command(
            f"INSERT INTO ingest_{self._signal} (project, received_time_unix_nano, client, request)"
            f" FROM INFILE '{self._file}' SETTINGS {clause} FORMAT Protobuf"
        )
        return time.process_time() - before

    def _make(self) -> float:
        before = time.process_time()
        os.ftruncate(self._memory, 0)
        os.lseek(self._memory, 0, os.SEEK_SET)
        size_bytes = self._file.stat().st_size
        made = native.write_rows(self._signal, self._file, size_bytes, self._memory)
        assert made is not None, "the native library is missing, or left the segment to the views"
        return time.process_time() - before

    def _insert(self, way: str, table: str) -> float:
        before = time.process_time()
        self._writer(way).command(
            f"INSERT INTO {table} FROM INFILE '/proc/self/fd/{self._memory}' "
            f"SETTINGS insert_deduplication_token = '{self._tokens}' FORMAT Native"
        )
        return time.process_time() - before


def measure(signal: Signal, size: int, records: int, rounds: int) -> dict[str, float]:
    """CPU seconds per million records of each way, the median of the rounds."""
    spent: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:  # the engine lives
        ways = Ways(Path(directory), signal)
        for number in range(rounds + 1):
            one = ways.measure(request_bodies(signal, records, size), size)
            if number:  # the first round warms up
                for way, seconds in one.items():
                    spent[way].append(seconds / records * 1e6)
        ways.check()
        ways.close()
    return {way: statistics.median(each) for way, each in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=80_000, help="in a segment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--signal", choices=MESSAGES)
    parser.add_argument("--size", type=int, choices=(100, 1000))
    arguments = parser.parse_args()
    if arguments.signal is None:
        print("signal  size " + " ".join(f"{way:>9}" for way in WAYS), flush=True)
        for signal, size in itertools.product(MESSAGES, (1000, 100)):
            one = ("--signal", signal, "--size", str(size))
            # An engine has one directory for all its process's life.
            subprocess.run([sys.executable, *sys.argv, *one], check=True)
        return
    figures = measure(arguments.signal, arguments.size, arguments.records, arguments.rounds)
    numbers = " ".join(f"{figures[way]:9.2f}" for way in WAYS)
    print(f"{arguments.signal:6} {arguments.size:5} {numbers}", flush=True)


if __name__ == "__main__":
    main()
