"""Moves sealed WAL segments into the store, each exactly once.

One task for each signal, in the order of sealing. A segment leaves the WAL only after the store has
it; until then the same bytes are sent under the same token again and again, so a crash or a
time-out at any point adds nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from stepsight_collector.nested import pieces, storable
from stepsight_collector.poison import MAX_INSERT_BYTES, UNREADABLE, store_the_rest
from stepsight_collector.store import StoreError, StoreRefusedError
from stepsight_collector.wal import SIGNALS, encode_entry, read_entries, read_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from stepsight_collector.metrics import Metrics
    from stepsight_collector.rows import RowMaker
    from stepsight_collector.store import Store
    from stepsight_collector.wal import SegmentInfo, Wal

__all__ = ["Loader"]

T = TypeVar("T")

_log = logging.getLogger("stepsight.loader")

RETRY_FIRST_S = 0.25
RETRY_MAX_S = 15.0


class Loader:
    """Takes sealed segments with `submit`, which never blocks.

    With `rows`, a segment goes to the store as rows where it may, else as it is.
    """

    def __init__(
        self,
        store: Store,
        wal: Wal,
        metrics: Metrics,
        *,
        rows: RowMaker | None = None,
        retry_first_s: float = RETRY_FIRST_S,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self._wal = wal
        self._metrics = metrics
        self._rows = rows
        self._retry_first_s = retry_first_s
        self._clock = clock
        self._queues: dict[str, asyncio.Queue[SegmentInfo]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to load; segments may be submitted from now on."""
        self._queues = {signal: asyncio.Queue() for signal in SIGNALS}
        self._tasks = [
            asyncio.create_task(self._run(queue), name=f"loader-{signal}")
            for signal, queue in self._queues.items()
        ]

    def submit(self, segment: SegmentInfo) -> None:
        """Hand over a sealed segment; call it on the event loop."""
        self._queues[segment.signal].put_nowait(segment)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until everything submitted is stored; False if `timeout_s` is not enough."""
        waiting = asyncio.gather(*(queue.join() for queue in self._queues.values()))
        try:
            await asyncio.wait_for(waiting, timeout_s)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Stop loading.

        An insert that is under way is waited for; what is left stays in the WAL.
        """
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, queue: asyncio.Queue[SegmentInfo]) -> None:
        while True:
            segment = await queue.get()
            if not await self._load(segment):
                queue.put_nowait(segment)
            queue.task_done()

    async def _load(self, segment: SegmentInfo) -> bool:
        """Store a segment, however long the store is away.

        False: the segment itself cannot be read now. The others go first, so that one bad file
        does not keep them from being stored.
        """
        delay_s = self._retry_first_s
        while True:
            started = time.perf_counter()
            try:
                refused = await _finished(asyncio.to_thread(self._insert, segment))
            except FileNotFoundError as exc:
                self._lost(segment, exc)
                return True
            except Exception as exc:  # noqa: BLE001 - the one task of this signal must not end
                self._failed(segment, exc)
                await asyncio.sleep(delay_s)
                if not isinstance(exc, StoreError):
                    return False
                delay_s = min(delay_s * 2, RETRY_MAX_S)
            else:
                self._stored(segment, refused, time.perf_counter() - started)
                return True

    def _stored(self, segment: SegmentInfo, refused: int, took_s: float) -> None:
        self._metrics.loader.refused_records += refused
        self._metrics.loader.refused_segments += bool(refused)
        self._metrics.count_stored(segment.signal, segment.records - refused)
        self._metrics.insert_s[segment.signal].observe(took_s)
        age_s = (self._clock() - segment.first_received_unix_nano) / 1e9
        self._metrics.freshness_s[segment.signal].observe(max(0.0, age_s))
        self._wal.confirm(segment)

    def _failed(self, segment: SegmentInfo, exc: Exception) -> None:
        counters = self._metrics.loader
        counters.retries += 1
        counters.last_error = str(exc)
        if isinstance(exc, (StoreError, OSError)):
            _log.warning(
                "segment %s is not stored yet and will be tried again: %s", segment.path, exc
            )
        else:
            _log.error("segment %s cannot be loaded; a bug", segment.path, exc_info=exc)

    def _lost(self, segment: SegmentInfo, exc: FileNotFoundError) -> None:
        """Count a segment whose file somebody took away: there is nothing to try again."""
        _log.error("segment %s is gone before it was stored: %s", segment.path, exc)
        self._metrics.loader.lost_records += segment.records
        self._wal.confirm(segment)

    def _insert(self, segment: SegmentInfo) -> int:
        """Store a segment; returns how many of its records the store refused for good."""
        try:
            if self._rows is not None and self._rows.insert(self._store, segment):
                return 0
            payload = _payload(segment)
            if payload is None:
                return store_the_rest(self._store, segment)
            self._store.insert(segment.signal, payload, segment.token)
        except (StoreRefusedError, *UNREADABLE) as exc:
            _log.warning(
                "segment %s is refused, looking for the request to blame: %s", segment.path, exc
            )
            return store_the_rest(self._store, segment)
        return 0


def _payload(segment: SegmentInfo) -> bytes | Path | None:
    """The segment as the store reads it: the file itself, unless it holds nested values.

    None if they make it too large for one insert.
    """
    if segment.nested:
        return _rewritten(segment)
    if segment.path.stat().st_size == segment.size_bytes:
        return segment.path
    # Remains of a group that was refused to its senders, and could not be cut off.
    return read_segment(segment.path, segment.size_bytes)


def _rewritten(segment: SegmentInfo) -> bytes | None:
    payload = bytearray()
    for entry in read_entries(segment.path, segment.size_bytes):
        for piece in pieces(entry):
            payload += b"".join(encode_entry(storable(segment.signal, piece)))
            if len(payload) > MAX_INSERT_BYTES:
                return None
    return bytes(payload)


async def _finished(work: Coroutine[object, object, T]) -> T:
    """Await blocking work to its end even when the waiting task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
