"""Queries whose rows are taken while they come, and which can be ended at any moment.

The embedded engine is asked through its own client: clickhouse-connect has no figures of a stream
(rows and bytes read), and binds parameters only. A server is asked through clickhouse-connect.
Measured: docs/explanation/embedded-engine.md.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Protocol, cast

from clickhouse_connect.driver.binding import bind_query
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from stepsight_collector.store.errors import query_error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from io import RawIOBase

    from clickhouse_connect.driver.client import Client

    Progress = Callable[[int, int], None]

__all__ = [
    "EmbeddedStreamer",
    "Progress",
    "ServerStreamer",
    "Streamer",
    "new_label",
    "read_progress_lines",
]

_PIECE_BYTES = 1 << 18


def new_label() -> str:
    """Return a label that no other connection has, of this collector or another."""
    return f"stepsight {uuid.uuid4().hex}"


class Streamer(Protocol):
    """A connection that runs one reading statement at a time.

    `label` is its own, and stands as `log_comment` beside its query in `system.processes`.
    """

    label: str

    def run(
        self, sql: str, parameters: Mapping[str, Any], progress: Progress
    ) -> Generator[bytes, None, None]:
        """Give whole lines, a JSON array for each row; `progress` gets rows and bytes read."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class EmbeddedStreamer:
    """A connection to the embedded engine. `settings` hold for all of its queries."""

    def __init__(self, address: str, settings: Mapping[str, Any]) -> None:
        import chdb

        self.label = new_label()
        self._connection = chdb.connect(address)  # type: ignore[no-untyped-call]
        for name, value in {"log_comment": self.label, **settings}.items():
            literal = value if isinstance(value, int) else f"'{value}'"
            self._connection.query(f"SET {name} = {literal}")

    def run(
        self, sql: str, parameters: Mapping[str, Any], progress: Progress
    ) -> Generator[bytes, None, None]:
        """See Streamer. Closing the generator ends the query."""
        import chdb

        figures = _Figures(progress)
        self._connection.set_progress_callback(figures.at_least)
        try:
            # As text in the form that the engine reads back, tabs and line ends escaped.
            text, bound = bind_query(sql, dict(parameters))
            values = {name.removeprefix("param_"): value for name, value in bound.items()}
            stream = self._connection.send_query(text, "JSONCompactEachRow", params=values)
            try:
                for block in stream:
                    figures.add(block.storage_rows_read(), block.storage_bytes_read())
                    yield block.bytes()
            finally:
                stream.close()
        except (chdb.ChdbError, RuntimeError) as exc:
            raise query_error(exc) from exc
        finally:
            self._connection.set_progress_callback(None)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class _Figures:
    """What was read: blocks tell their own share, the engine's callback what it is altogether.

    Neither is whole by itself: a query without rows has no block, a short one no callback.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._rows = self._bytes = 0

    def add(self, rows: int, size: int) -> None:
        self._rows += rows
        self._bytes += size
        self._progress(self._rows, self._bytes)

    def at_least(self, state: Mapping[str, int]) -> None:
        self._progress(state["read_rows"], state["read_bytes"])


class ServerStreamer:
    """A connection to a server; its client was made with the label as `log_comment`."""

    def __init__(self, client: Client, label: str) -> None:
        self.label = label
        self._client = client

    def run(
        self, sql: str, parameters: Mapping[str, Any], progress: Progress
    ) -> Generator[bytes, None, None]:
        """See Streamer. Closing the generator closes the connection, which ends the query."""
        try:
            stream = cast(
                "RawIOBase",
                self._client.raw_stream(
                    sql, dict(parameters), fmt="JSONCompactEachRowWithProgress"
                ),
            )
            try:
                yield from read_progress_lines(_pieces(stream), progress)
            finally:
                stream.close()
        except (ClickHouseError, HTTPError) as exc:
            raise query_error(exc) from exc

    def close(self) -> None:
        """Close the client."""
        self._client.close()


def _pieces(stream: RawIOBase) -> Iterator[bytes]:
    while piece := stream.read(_PIECE_BYTES):
        yield piece


def read_progress_lines(
    pieces: Iterable[bytes], progress: Progress
) -> Generator[bytes, None, None]:
    r"""Take the rows out of the format JSONCompactEachRowWithProgress.

    Raises QueryError for the exception that stands in the place of the rows that did not come, and
    for an answer that breaks off: rows must not be missing without a word.

    Source: ClickHouse, "Formats", JSONEachRowWithProgress.

    >>> list(read_progress_lines([b'{"meta":[]}\n{"row":[1]}\n{"ro', b'w":[2]}\n'], print))
    [b'[1]\n', b'[2]\n']
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        rows = [line[len(_ROW) : -1] + b"\n" for line in lines if line.startswith(_ROW)]
        if rows:
            yield b"".join(rows)
        for line in lines:
            if line and not line.startswith(_ROW):
                _take_event(line, progress)
    if rest.strip():
        _take_event(rest, progress)


_ROW = b'{"row":'


def _take_event(line: bytes, progress: Progress) -> None:
    try:
        event = json.loads(line)
    except ValueError as exc:
        text = line[:500].decode("utf-8", "replace")
        raise query_error(RuntimeError(f"the answer breaks off with: {text}")) from exc
    if "exception" in event:
        raise query_error(RuntimeError(str(event["exception"])))
    if "progress" in event:
        seen = event["progress"]
        progress(int(seen.get("read_rows", 0)), int(seen.get("read_bytes", 0)))
