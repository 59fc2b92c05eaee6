"""Runs compiled queries within their limits, and ends those that nobody waits for any more.

A query runs on a thread of its own, its rows come in blocks and are written as JSON at once. When
a limit is reached, the rows so far are the answer and `Result.stop` says why there are no more:
each of them is a row of the whole answer, for what is computed over all rows gives none before it
is through. A query whose caller is cancelled is killed in the engine, and holds its turn until it
has ended.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from stepsight_collector.query.lanes import LaneLimits, Lanes
from stepsight_collector.query.values import RowWriter
from stepsight_collector.store import QueryError, QueryLimitError, StoreError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from stepsight_collector.kql.plan import Compiled
    from stepsight_collector.query.values import Style
    from stepsight_collector.store import Store

__all__ = ["Limits", "Queries", "Result", "Stop", "is_for_its_values"]

Reason = Literal["rows", "bytes", "time", "memory", "cancelled", "stopping"]

_log = logging.getLogger("stepsight.query")
_KILL_INTERVAL_S = 0.1
_SLICE_BYTES = 64 << 10
_MEMORY_LIMIT_EXCEEDED, _TIMEOUTS = 241, frozenset({159, 394})
# BAD_ARGUMENTS, ARGUMENT_OUT_OF_BOUND, TOO_LARGE_ARRAY_SIZE, ILLEGAL_DIVISION,
# SIZES_OF_ARRAYS_DONT_MATCH, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, DECIMAL_OVERFLOW,
# CANNOT_COMPILE_REGEXP
_VALUE_CODES = frozenset({36, 69, 128, 153, 190, 395, 407, 427})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may take. `max_rows` and `max_bytes` are of the answer, as it is sent."""

    time_s: float
    max_rows: int
    max_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a query ended before its answer was whole."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """An answer. `rows` is the inside of a JSON array; `stop` is None when it is whole.

    `elapsed_s` is the time from the start of the query to its last row, without the wait for its
    turn.
    """

    rows: bytes
    row_count: int
    stop: Stop | None
    elapsed_s: float
    rows_read: int
    bytes_read: int


@dataclass(slots=True)
class _Run:
    """A query under way. `ending` is set on the event loop, the rest on the query's thread."""

    limits: Limits
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    ending: Reason | None = None
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    row_count: int = 0
    rows_read: int = 0
    bytes_read: int = 0

    def progress(self, rows: int, size: int) -> None:
        self.rows_read = max(self.rows_read, rows)
        self.bytes_read = max(self.bytes_read, size)


def is_for_its_values(exc: QueryError) -> bool:
    """Whether the engine refused a value that the query computes: the query's fault, not ours."""
    return exc.code in _VALUE_CODES


class Queries:
    """Runs queries on the store; made once, closed at the end."""

    def __init__(self, store: Store, limits: LaneLimits | None = None) -> None:
        limits = limits or LaneLimits()
        self._store = store
        self._lanes = Lanes(limits)
        self._threads = ThreadPoolExecutor(limits.at_once, "query")
        self._running: dict[str, tuple[asyncio.Future[Result], _Run]] = {}

    async def run(
        self, compiled: Compiled, limits: Limits, style: Style, reader: Hashable
    ) -> Result:
        """Run a query in the reader's turn; cancelling this ends it in the engine.

        Raises BusyError when there are too many, QueryLimitError for a query that ran into its
        time or memory without a row, QueryError for one that the engine refuses, StoreError when
        this stops.
        """
        async with self._lanes.turn(reader):
            run = _Run(limits)
            writer = RowWriter(compiled.columns, style)
            work = asyncio.get_running_loop().run_in_executor(
                self._threads, self._collect, compiled, writer, run
            )
            self._running[run.name] = work, run
            try:
                done, _ = await asyncio.wait({work}, timeout=limits.time_s)
                if not done:
                    await self._end(work, run, "time")
            except asyncio.CancelledError:
                await self._end(work, run, "cancelled")
                raise
            finally:
                del self._running[run.name]
            if run.ending == "stopping":
                raise _stopping()
            return await work

    async def stop(self) -> None:
        """End every query, and take no more."""
        self._lanes.close(_stopping())
        running = list(self._running.values())
        await asyncio.gather(*(self._end(work, run, "stopping") for work, run in running))
        await asyncio.to_thread(self._threads.shutdown)

    async def _end(self, work: asyncio.Future[Result], run: _Run, reason: Reason) -> None:
        """Kill a query until it has ended: it may not have begun yet.

        Shielded from a second cancellation, which would leave it running.
        """
        run.ending = run.ending or reason
        killing = asyncio.ensure_future(self._kill(work, run.name))
        is_cancelled = False
        while not killing.done():
            is_cancelled |= await _is_interrupted(killing)
        if is_cancelled:
            raise asyncio.CancelledError

    async def _kill(self, work: asyncio.Future[Result], name: str) -> None:
        while not work.done():
            try:
                await asyncio.to_thread(self._store.kill, name)
            except StoreError as exc:
                _log.warning("a query could not be ended, trying again: %s", exc)
            await asyncio.wait({work}, timeout=_KILL_INTERVAL_S)
        work.exception()  # looked at: a query that failed because it was ended is no news

    def _collect(self, compiled: Compiled, writer: RowWriter, run: _Run) -> Result:
        """Take rows until there are no more, or no more are wanted. On a thread."""
        started = time.monotonic()
        try:
            with self._store.stream(
                compiled.sql, compiled.parameters, run.name, run.progress
            ) as pieces:
                stop = _take(pieces, writer, run)
        except QueryLimitError as exc:
            stop = _limit_reached(exc, run)
            if not run.row_count:
                raise QueryLimitError(stop.message, exc.code) from exc
        rows = b",".join(run.parts)
        run.parts.clear()  # an answer of 64 MB is held as seldom as can be
        return Result(
            rows=rows,
            row_count=run.row_count,
            stop=stop,
            elapsed_s=time.monotonic() - started,
            rows_read=run.rows_read,
            bytes_read=run.bytes_read,
        )


def _stopping() -> StoreError:
    return StoreError("the collector is stopping")


async def _is_interrupted(task: asyncio.Future[None]) -> bool:
    """Wait for a task; return whether the waiting was cancelled meanwhile."""
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        return True
    return False


def _take(pieces: Iterable[bytes], writer: RowWriter, run: _Run) -> Stop | None:
    limits = run.limits
    for lines in _slices(pieces):
        if run.ending is not None:
            # The engine was between two blocks when it was to be killed.
            raise QueryLimitError("the query was ended", 394)
        room = limits.max_rows - run.row_count
        if room > 0:
            written = writer.write(lines[:room])
            run.parts.append(written)
            run.size += len(written) + 1
            run.row_count += min(room, len(lines))
        if len(lines) > room:
            return Stop("rows", f"the answer has more than {limits.max_rows} rows")
        if run.size > limits.max_bytes:
            return Stop("bytes", f"the answer has more than {limits.max_bytes} bytes")
    return None


def _slices(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Cut blocks so that a limit is seen before the whole block was written."""
    for piece in pieces:
        lines = piece.splitlines()
        step = max(1, len(lines) * _SLICE_BYTES // (len(piece) or 1))
        for start in range(0, len(lines), step):
            yield lines[start : start + step]


def _limit_reached(exc: QueryError, run: _Run) -> Stop:
    if exc.code == _MEMORY_LIMIT_EXCEEDED:
        return Stop("memory", f"the query needs more memory than it may take: {exc}")
    if run.ending == "cancelled":
        return Stop("cancelled", "the query was ended because nobody waits for it")
    if exc.code in _TIMEOUTS:
        return Stop("time", f"the query took longer than {run.limits.time_s:g} seconds")
    return Stop("memory", str(exc))
