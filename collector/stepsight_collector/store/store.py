"""The store as the rest of the collector sees it: insert a segment, ask a question.

Both methods block and are meant for threads. Writers and readers are separate connections, since a
connection serves
one query at a time and a reader is read-only for good.
"""

from __future__ import annotations

import json
import queue
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from clickhouse_connect.driver.exceptions import ClickHouseError

from stepsight_collector.store.errors import (
    QueryError,
    QueryLimitError,
    StoreError,
    StoreRefusedError,
    engine_code,
    engine_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

__all__ = ["Answer", "Store"]

SIGNALS = {"logs": "IngestLogs", "traces": "IngestTraces", "metrics": "IngestMetrics"}
INGEST_COLUMNS = ("project", "received_time_unix_nano", "client", "request")

# A segment that fails with one of these would fail for ever: the bytes are to blame, not the
# engine.
# ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA, CANNOT_PARSE_*, TYPE_MISMATCH, INCORRECT_DATA,
# TOO_LARGE_STRING_SIZE, PROTOBUF_BAD_CAST, UNKNOWN_PROTOBUF_FORMAT … but not
# CANNOT_PARSE_PROTOBUF_SCHEMA (434): that is our own file, and would condemn every segment.
_CONTENT_CODES = frozenset({6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 436, 444})
# TIMEOUT_EXCEEDED, TOO_MANY_ROWS, TOO_MANY_BYTES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_ROWS_OR_BYTES,
# QUERY_WAS_CANCELLED
_LIMIT_CODES = frozenset({158, 159, 241, 307, 394, 396})

# INFILE takes a path with these as a pattern.
_PATTERN = frozenset("*?{}[]")


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's result.

    `rows` are lists in the order of `columns`; 64-bit integers are numbers, times ISO 8601 text
    with `Z`,
    non-finite floats the texts `NaN`, `Infinity`, `-Infinity`.
    """

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    elapsed_s: float
    rows_read: int
    bytes_read: int
    truncated: bool = False

    def dicts(self) -> list[dict[str, Any]]:
        """Rows as dicts by column name."""
        names = [name for name, _ in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class Store:
    """An open store. Thread-safe; every method may block for as long as the engine works."""

    def __init__(
        self,
        url: str,
        writers: Mapping[str, Client],
        readers: Sequence[Client],
        *,
        insert_settings: Mapping[str, Any],
        scratch: Path | None,
        close: Callable[[], None],
    ) -> None:
        self.url = url
        self._writers = dict(writers)
        self._write_locks = {signal: threading.Lock() for signal in writers}
        self._readers: queue.Queue[Client] = queue.Queue()
        for reader in readers:
            self._readers.put(reader)
        self._reader_count = len(readers)
        self._close = close
        self._insert_settings = dict(insert_settings)
        self._scratch = scratch

    def insert(self, signal: str, payload: bytes | Path, token: str) -> None:
        """Store a segment: length-delimited `Ingest` messages of one signal, or a file of them.

        Storing the same bytes under the same `token` again adds nothing, after a crash and after a
        time-out too. Raises StoreRefusedError when the engine cannot read the bytes, and then
        nothing of them is stored; StoreError when trying again may help.

        Source: ClickHouse, "Deduplicating inserts on retries"; format Protobuf.
        """
        settings = {
            **self._insert_settings,
            "insert_deduplication_token": token,
            "format_schema_message_name": SIGNALS[signal],
            "input_format_protobuf_oneof_presence": 1,
        }
        with self._write_locks[signal]:
            try:
                self._insert(signal, payload, settings)
            except ClickHouseError as exc:
                kind = StoreRefusedError if engine_code(exc) in _CONTENT_CODES else StoreError
                raise kind(f"inserting {signal} segment {token}: {engine_message(exc)}") from exc
            except OSError as exc:
                raise StoreError(f"inserting {signal} segment {token}: {exc}") from exc

    def _insert(self, signal: str, payload: bytes | Path, settings: Mapping[str, Any]) -> None:
        """Send a payload to a server, or have the embedded engine read its file where it is.

        The driver would copy a payload for the embedded engine to the system's temporary directory,
        which may be small or read-only.
        """
        file = payload if isinstance(payload, Path) else None
        if self._scratch is not None and file is None:
            file = self._scratch / f"{signal}.insert"
            file.write_bytes(cast("bytes", payload))
        if self._scratch is None or file is None or _PATTERN & set(str(file)):
            body = payload.read_bytes() if isinstance(payload, Path) else payload
            self._writers[signal].raw_insert(
                f"ingest_{signal}",
                list(INGEST_COLUMNS),
                insert_block=body,
                settings=dict(settings),
                fmt="Protobuf",
            )
            return
        clause = ", ".join(f"{name} = {_literal(value)}" for name, value in settings.items())
        self._writers[signal].command(
            f"INSERT INTO ingest_{signal} ({', '.join(INGEST_COLUMNS)}) "
            f"FROM INFILE {_literal(str(file))} SETTINGS {clause} FORMAT Protobuf"
        )

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int | None = None,
    ) -> Answer:
        """Run one reading statement; values go in as `{name:Type}` parameters.

        With `max_rows`, at most that many rows come back, and `truncated` says that there were
        more.
        Raises QueryError for a wrong statement, QueryLimitError when it ran into a limit.
        """
        text = sql + "\n"  # a closing comment must not swallow what is appended
        with self._reader() as reader:
            try:
                raw = reader.raw_query(text, parameters=dict(parameters or {}), fmt="JSONCompact")
            except ClickHouseError as exc:
                limited = engine_code(exc) in _LIMIT_CODES
                kind = QueryLimitError if limited else QueryError
                raise kind(engine_message(exc)) from exc
        return _answer(json.loads(raw), max_rows)

    def is_ready(self) -> bool:
        """Whether the engine answers."""
        try:
            self.query("SELECT 1")
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Close every connection; waits for queries that are still running."""
        for _ in range(self._reader_count):
            self._readers.get().close()
        for signal, writer in self._writers.items():
            with self._write_locks[signal]:
                writer.close()
        self._close()

    @contextmanager
    def _reader(self) -> Iterator[Client]:
        reader = self._readers.get()
        try:
            yield reader
        finally:
            self._readers.put(reader)


def _literal(value: object) -> str:
    """Write a setting's value as SQL."""
    if not isinstance(value, str):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


_NON_FINITE = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _answer(document: dict[str, Any], max_rows: int | None) -> Answer:
    columns = [(column["name"], column["type"]) for column in document["meta"]]
    rows = document["data"]
    floats = [index for index, (_, kind) in enumerate(columns) if "Float" in kind]
    for row in rows if floats else ():
        for index in floats:
            if isinstance(row[index], str):
                row[index] = _NON_FINITE.get(row[index], row[index])
    statistics = document.get("statistics", {})
    truncated = max_rows is not None and len(rows) > max_rows
    return Answer(
        columns=columns,
        rows=rows[:max_rows] if truncated else rows,
        elapsed_s=statistics.get("elapsed", 0.0),
        rows_read=statistics.get("rows_read", 0),
        bytes_read=statistics.get("bytes_read", 0),
        truncated=truncated,
    )
