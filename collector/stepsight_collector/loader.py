"""Moves sealed WAL segments into the store, each exactly once.

One task for each signal, in the order of sealing. A segment leaves the WAL only after the store has
it; until then the
same bytes are sent under the same token again and again, so a crash or a time-out at any point adds
nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from stepsight_collector.nested import flatten_nested
from stepsight_collector.store import StoreError, StoreRefusedError
from stepsight_collector.wal import SIGNALS, Entry, encode_entry, read_entries

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from stepsight_collector.metrics import Metrics
    from stepsight_collector.store import Store
    from stepsight_collector.wal import SegmentInfo, Signal, Wal

__all__ = ["Loader", "storable"]

T = TypeVar("T")

_log = logging.getLogger("stepsight.loader")

RETRY_FIRST_S = 0.25
RETRY_MAX_S = 15.0


class Loader:
    """Takes sealed segments with `submit`, which never blocks."""

    def __init__(
        self, store: Store, wal: Wal, metrics: Metrics, retry_first_s: float = RETRY_FIRST_S
    ) -> None:
        self._store = store
        self._wal = wal
        self._metrics = metrics
        self._retry_first_s = retry_first_s
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
            await self._load(segment)
            queue.task_done()

    async def _load(self, segment: SegmentInfo) -> None:
        delay_s = self._retry_first_s
        while True:
            try:
                refused = await _finished(asyncio.to_thread(self._insert, segment))
            except (StoreError, OSError) as exc:
                self._failed(segment, exc)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, RETRY_MAX_S)
                continue
            break
        self._metrics.loader.refused_records += refused
        self._metrics.loader.refused_segments += bool(refused)
        self._metrics.count_stored(segment.signal, segment.records - refused)
        self._wal.confirm(segment)

    def _failed(self, segment: SegmentInfo, exc: Exception) -> None:
        counters = self._metrics.loader
        counters.retries += 1
        if counters.last_error is None:
            _log.warning(
                "segment %s is not stored yet and will be tried again: %s", segment.path, exc
            )
        counters.last_error = str(exc)

    def _insert(self, segment: SegmentInfo) -> int:
        """Store a segment; returns how many of its records the store refused for good."""
        try:
            self._store.insert(segment.signal, _payload(segment), segment.token)
        except StoreRefusedError as exc:
            _log.warning(
                "the store refuses segment %s, trying its requests one by one: %s",
                segment.path,
                exc,
            )
            return self._insert_one_by_one(segment)
        return 0

    def _insert_one_by_one(self, segment: SegmentInfo) -> int:
        """Store what the store takes of a poison segment, set the other requests aside."""
        refused: list[Entry] = []
        for index, entry in enumerate(read_entries(segment.path)):
            if not self._insert_one(segment, index, entry):
                refused.append(entry)
        if refused:
            aside = segment.path.with_suffix(".refused")
            aside.write_bytes(b"".join(part for entry in refused for part in encode_entry(entry)))
        return sum(entry.records for entry in refused)

    def _insert_one(self, segment: SegmentInfo, index: int, entry: Entry) -> bool:
        payload = b"".join(encode_entry(storable(segment.signal, entry)))
        try:
            self._store.insert(segment.signal, payload, f"{segment.token}/{index}")
        except StoreRefusedError as exc:
            _log.warning("request %d of %s is refused by the store: %s", index, segment.path, exc)
            return False
        return True


def _payload(segment: SegmentInfo) -> bytes:
    """The segment as the store reads it: the file itself, unless it holds nested values."""
    if not segment.nested:
        return segment.path.read_bytes()
    return b"".join(_rewritten(segment))


def _rewritten(segment: SegmentInfo) -> Iterator[bytes]:
    for entry in read_entries(segment.path):
        yield from encode_entry(storable(segment.signal, entry))


def storable(signal: Signal, entry: Entry) -> Entry:
    """The entry as the store can read it: nested attribute values have become JSON text."""
    if not entry.nested:
        return entry
    return Entry(
        request=flatten_nested(signal, entry.request),
        received_time_unix_nano=entry.received_time_unix_nano,
        project=entry.project,
        client=entry.client,
        records=entry.records,
    )


async def _finished(work: Coroutine[object, object, T]) -> T:
    """Await blocking work to its end even when the waiting task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
