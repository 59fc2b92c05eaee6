"""The engine's own cost of the same rows: what no collector in front of it can avoid.

A process of its own, driven by lines on stdin; used by ingest.py. It fills the store's table from
OTLP requests, reads the rows back in Native format (ClickHouse's own columnar format, the cheapest
there is to read) in blocks of the size of a segment, and inserts these into a second table of the
same columns, indexes, sort key and settings, which grows round by round as the collector's does.
No views, no decoding. Merges included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from _load import wait_merged
from stepsight_collector.store import Store, open_store
from stepsight_collector.store.engine import WRITE_SETTINGS, _engine
from stepsight_collector.wal import Entry, WalLimits, encode_entry, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

TABLES = {
    "logs": ("otel_logs", "Timestamp"),
    "traces": ("otel_traces", "Timestamp"),
    "metrics": ("otel_metrics_gauge", "TimeUnix"),
}


class Engine:
    """The measuring process, as ingest.py sees it."""

    def __init__(self, signal: str, rounds: list[list[bytes]], size: int) -> None:
        self._directory = tempfile.TemporaryDirectory()
        for number, bodies in enumerate(rounds):
            entries = (
                Entry(request=body, received_time_unix_nano=1, client="bench", records=size)
                for body in bodies
            )
            source = Path(self._directory.name) / f"{number:03d}.wal"
            source.write_bytes(b"".join(part for one in entries for part in encode_entry(one)))
        self.process = subprocess.Popen(
            [sys.executable, __file__, signal, self._directory.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def measure(self) -> float:
        """CPU seconds of inserting the next round's rows."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._directory.cleanup()


def segments(source: Path) -> Iterator[tuple[bytes, int]]:
    """The requests as segments of the size at which the collector cuts them, and their records."""
    limit = WalLimits().max_segment_bytes
    payload, records = bytearray(), 0
    for entry in read_entries(source):
        payload += b"".join(encode_entry(entry))
        records += entry.records
        if len(payload) >= limit:
            yield bytes(payload), records
            payload, records = bytearray(), 0
    if payload:
        yield bytes(payload), records


def read_back(store: Store, reader: Client, signal: str, source: Path) -> list[bytes]:
    """A round's rows in Native format, in blocks as large as the collector's inserts."""
    table, time_column = TABLES[signal]
    blocks = []
    for number, (payload, records) in enumerate(segments(source)):
        store.insert(signal, payload, f"{source.stem}-{number}")
        sql = f"SELECT * FROM {table} ORDER BY {time_column}"
        settings = {"max_memory_usage": 0, "max_block_size": 2 * records}
        blocks.append(reader.raw_query(sql, settings=settings, fmt="Native"))
        reader.command(f"TRUNCATE TABLE {table}")
    return blocks


def insert_all(writer: Client, blocks: list[bytes], number: int) -> float:
    """CPU seconds from the first insert to the end of the last merge."""
    started = time.process_time()
    for index, block in enumerate(blocks):
        token = {"insert_deduplication_token": f"{number}-{index}"}
        writer.raw_insert("twin", None, insert_block=block, settings=token, fmt="Native")
    wait_merged(os.getpid())
    return time.process_time() - started


def main() -> None:
    signal, directory = sys.argv[1], Path(sys.argv[2])
    url = f"chdb://{directory / 'store'}"
    store = open_store(url)
    connect = _engine(url, fsync=False).connect
    writer, reader = connect(WRITE_SETTINGS), connect({})
    writer.command(f"CREATE TABLE twin AS {TABLES[signal][0]}")
    rounds = [read_back(store, reader, signal, file) for file in sorted(directory.glob("*.wal"))]
    print("ready", flush=True)
    for number, _line in enumerate(sys.stdin):
        print(insert_all(writer, rounds[number], number), flush=True)


if __name__ == "__main__":
    main()
