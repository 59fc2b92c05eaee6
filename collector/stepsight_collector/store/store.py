"""The store as the rest of the collector sees it: insert a segment, ask a question.

Its methods block and are meant for threads. Writers and readers are separate connections, since a
connection serves
one query at a time and a reader is read-only for good.
"""

from __future__ import annotations

import json
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from clickhouse_connect.driver.exceptions import ClickHouseError

from stepsight_collector.store.errors import (
    StoreError,
    StoreRefusedError,
    engine_code,
    engine_message,
    query_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from stepsight_collector.store.pool import Pool
    from stepsight_collector.store.streams import Progress, Streamer

__all__ = ["Answer", "Store"]

SIGNALS = {"logs": "IngestLogs", "traces": "IngestTraces", "metrics": "IngestMetrics"}
INGEST_COLUMNS = ("project", "received_time_unix_nano", "client", "request")

# A segment that fails with one of these would fail for ever: the bytes are to blame, not the
# engine.
# ATTEMPT_TO_READ_AFTER_EOF, CANNOT_READ_ALL_DATA, CANNOT_PARSE_*, TYPE_MISMATCH, INCORRECT_DATA,
# TOO_LARGE_STRING_SIZE, PROTOBUF_BAD_CAST, UNKNOWN_PROTOBUF_FORMAT … but not
# CANNOT_PARSE_PROTOBUF_SCHEMA (434): that is our own file, and would condemn every segment.
_CONTENT_CODES = frozenset({6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 436, 444})

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


@dataclass(frozen=True, slots=True)
class _Into:
    """Where an insert goes; no columns means all."""

    table: str
    columns: Sequence[str] | None
    format: str


class Store:
    """An open store. Thread-safe; every method may block for as long as the engine works."""

    def __init__(
        self,
        url: str,
        writers: Mapping[str, Client],
        readers: Pool[Client],
        streamers: Pool[Streamer],
        control: Client,
        *,
        insert_settings: Mapping[str, Any],
        scratch: Path | None,
    ) -> None:
        self.url = url
        self._writers = dict(writers)
        self._write_locks = {signal: threading.Lock() for signal in writers}
        self._readers = readers
        self._streamers = streamers
        self._control = control
        self._control_lock = threading.Lock()
        self._running: dict[str, str] = {}  # label of the connection, by name of the query
        self._insert_settings = dict(insert_settings)
        self._scratch = scratch

    def insert(self, signal: str, payload: bytes | Path, token: str) -> None:
        """Store a segment: length-delimited `Ingest` messages of one signal, or a file of them.

        Storing the same bytes under the same `token` again adds nothing, after a crash and after a
        time-out too. Raises StoreRefusedError when the engine cannot read the bytes, and then
        nothing of them is stored; StoreError when trying again may help.

        Source: ClickHouse, "Deduplicating inserts on retries"; format Protobuf.
        """
        into = _Into(f"ingest_{signal}", INGEST_COLUMNS, "Protobuf")
        of_format = {
            "format_schema_message_name": SIGNALS[signal],
            "input_format_protobuf_oneof_presence": 1,
        }
        self._store(signal, payload, token, into, of_format)

    def insert_rows(self, signal: str, block: Path, token: str) -> None:
        """Store the rows of a segment: a file of one block in Native format, of all columns.

        As `insert`, but the store does not know that a segment is the same as one that came the
        other way: under the same token it is stored once by each.
        """
        self._store(signal, block, token, _Into(f"flat_{signal}", None, "Native"), {})

    def _store(
        self,
        signal: str,
        payload: bytes | Path,
        token: str,
        into: _Into,
        of_format: Mapping[str, Any],
    ) -> None:
        settings = {
            **self._insert_settings,
            "insert_deduplication_token": token,
            **of_format,
        }
        with self._write_locks[signal]:
            try:
                self._insert(signal, payload, into, settings)
            except ClickHouseError as exc:
                kind = StoreRefusedError if engine_code(exc) in _CONTENT_CODES else StoreError
                raise kind(f"inserting {signal} segment {token}: {engine_message(exc)}") from exc
            except OSError as exc:
                raise StoreError(f"inserting {signal} segment {token}: {exc}") from exc

    def _insert(
        self, signal: str, payload: bytes | Path, into: _Into, settings: Mapping[str, Any]
    ) -> None:
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
                into.table,
                into.columns,
                insert_block=body,
                settings=dict(settings),
                fmt=into.format,
            )
            return
        clause = ", ".join(f"{name} = {_literal(value)}" for name, value in settings.items())
        self._writers[signal].command(
            f"INSERT INTO {into.table} {_in_brackets(into.columns)}"
            f"FROM INFILE {_literal(str(file))} SETTINGS {clause} FORMAT {into.format}"
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
        with self._readers.lend() as reader:
            try:
                raw = reader.raw_query(text, parameters=dict(parameters or {}), fmt="JSONCompact")
            except ClickHouseError as exc:
                raise query_error(exc) from exc
        return _answer(json.loads(raw), max_rows)

    @contextmanager
    def stream(
        self, sql: str, parameters: Mapping[str, Any], name: str, progress: Progress
    ) -> Iterator[Iterator[bytes]]:
        """Run one reading statement of our own and give its rows while they come.

        Each piece holds whole lines, a JSON array for each row. Leaving the block early ends the
        query in the engine. `progress` is called on this thread with the rows and bytes read so
        far; `name` is for `kill`. Blocks until a connection is free.
        Raises QueryError and QueryLimitError, here or while rows are taken.
        """
        with self._streamers.lend() as streamer:
            with self._control_lock:
                self._running[name] = streamer.label
            try:
                with closing(streamer.run(sql, parameters, progress)) as pieces:
                    yield pieces
            finally:
                with self._control_lock:
                    del self._running[name]

    def kill(self, name: str) -> None:
        """End a query that `stream` runs, if it runs. It fails with QUERY_WAS_CANCELLED.

        A query is known to the engine a moment after it was started: repeat this until it ends.
        """
        # Under the lock, a connection cannot go on to somebody else's query.
        with self._control_lock:
            label = self._running.get(name)
            if label is None:
                return
            try:
                self._control.command(
                    f"KILL QUERY WHERE Settings['log_comment'] = {_literal(label)} ASYNC"
                )
            except ClickHouseError as exc:
                raise StoreError(f"ending query {name}: {engine_message(exc)}") from exc

    def is_ready(self) -> bool:
        """Whether the engine answers."""
        try:
            self.query("SELECT 1")
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Close every connection; waits for queries that are still running."""
        self._readers.close()
        self._streamers.close()
        for signal, writer in self._writers.items():
            with self._write_locks[signal]:
                writer.close()
        with self._control_lock:
            self._control.close()


def _in_brackets(columns: Sequence[str] | None) -> str:
    return f"({', '.join(columns)}) " if columns else ""


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
