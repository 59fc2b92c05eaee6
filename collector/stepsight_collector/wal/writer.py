"""The one writer of a signal's segments: group commit, cutting, repair after a failed write.

A thread of its own, because fdatasync blocks. It takes everything that waits, writes it with one
call, syncs once, and only then reports. Under light load that is one sync a request; under heavy
load one sync serves all requests that came during the one before it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.errors import StorageError
from stepsight_collector.wal.open_segment import OpenSegment
from stepsight_collector.wal.pace import Pace

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from stepsight_collector.wal.ids import SegmentIds
    from stepsight_collector.wal.record import Entry
    from stepsight_collector.wal.segment import SegmentInfo, Signal

    OnDone = Callable[[list["Waiting"], int, StorageError | None], None]
    OnSealed = Callable[[SegmentInfo], None]

__all__ = ["SegmentWriter", "Waiting", "WalLimits"]

_LOG_INTERVAL_S = 60.0
# A stream that brings this much before its first cut is better stored in fewer, larger parts.
_BUSY_BYTES = 512 << 10
_BUSY_SEGMENTS = 2  # one being loaded, one waiting

_log = logging.getLogger("stepsight.wal")


@dataclass(frozen=True, slots=True)
class WalLimits:
    """When a segment is cut, and how much the log may hold; all limits are inclusive.

    `max_age_s` lies between two cuts while the store keeps up, see wal/pace.py. Over
    `backlog_bytes`, acknowledgements are held back, for `max_hold_s` at most.
    """

    max_segment_bytes: int = 24 * 1024 * 1024
    max_segment_records: int = 1_000_000
    max_age_s: float = 0.15
    quota_bytes: int = 4 * 1024 * 1024 * 1024
    # What the store takes in two or three seconds: a segment being loaded and one that waits.
    backlog_bytes: int = 64 * 1024 * 1024
    # A tenth of the time-out that OTLP exporters have by default.
    max_hold_s: float = 1.0


@dataclass(eq=False, slots=True)
class Waiting:
    """An entry on its way to the disk, and what to tell when it is there."""

    entry: Entry
    future: asyncio.Future[None]
    size_bytes: int


class SegmentWriter:
    """Appends entries to segments of one signal.

    `on_done` gets every group with the bytes that were written, or none and the error; `on_sealed`
    every segment that was cut. Both are called on the writer's thread.
    """

    def __init__(
        self,
        signal: Signal,
        directory: Path,
        ids: SegmentIds,
        limits: WalLimits,
        *,
        on_done: OnDone,
        on_sealed: OnSealed,
    ) -> None:
        self._signal: Signal = signal
        self._directory = directory
        self._ids = ids
        self._limits = limits
        self._on_done = on_done
        self._on_sealed = on_sealed
        self._wake = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._unconfirmed = 0
        self._closing = False
        self._segment: OpenSegment | None = None
        self._pace = Pace(limits.max_age_s)
        self._logged_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name=f"wal-{signal}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, waiting: Waiting) -> None:
        """Queue an entry. Never blocks on the disk."""
        with self._wake:
            if self._closing:
                raise StorageError("The write-ahead log is closed: the collector is stopping.")
            self._waiting.append(waiting)
            self._wake.notify()

    def add_unconfirmed(self, count: int) -> None:
        """Note sealed segments that the loader has (positive) or is done with (negative)."""
        with self._wake:
            self._unconfirmed += count
            if self._unconfirmed == 0:
                self._pace.note_loaded()
            self._wake.notify()

    def close(self) -> None:
        """Write what waits, seal, end the thread. Blocks until that is done."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            group, closing = self._next_group()
            if group:
                self._write(group)
            if self._segment is not None and (closing or self._should_cut(self._segment)):
                self._seal(self._segment)
            if closing and not group:
                return

    def _next_group(self) -> tuple[list[Waiting], bool]:
        """Wait for entries, for the moment to cut, or for the end."""
        with self._wake:
            if not self._waiting and not self._closing:
                self._wake.wait(self._until_cut_s())
            group, size = [], 0
            while self._waiting and size <= self._limits.max_segment_bytes:
                group.append(self._waiting.popleft())
                size += group[-1].size_bytes
            return group, self._closing and not self._waiting

    def _until_cut_s(self) -> float | None:
        if self._segment is None or self._segment.records_opened_at is None:
            return None
        waiting, size_bytes = self._unconfirmed, self._segment.size_bytes
        is_busy = waiting >= _BUSY_SEGMENTS or size_bytes >= _BUSY_BYTES
        return self._pace.left_s(self._segment.records_opened_at, is_busy=is_busy)

    def _should_cut(self, segment: OpenSegment) -> bool:
        left_s = self._until_cut_s()
        return left_s is not None and (
            left_s <= 0
            or segment.size_bytes >= self._limits.max_segment_bytes
            or segment.records >= self._limits.max_segment_records
        )

    def _write(self, group: list[Waiting]) -> None:
        try:
            if self._segment is None:
                self._segment = OpenSegment.create(
                    self._directory, self._ids.origin, self._ids.take()
                )
            written = self._segment.append([waiting.entry for waiting in group])
        except Exception as exc:  # noqa: BLE001 - the senders must hear of it, whatever it is
            self._report(exc)
            error = StorageError(
                f"The write-ahead log in {self._directory} cannot be written: {exc}. "
                "Nothing of this request was kept; send it again later."
            )
            error.__cause__ = exc
            self._on_done(group, 0, error)
            return
        self._on_done(group, written, None)

    def _seal(self, segment: OpenSegment) -> None:
        self._segment = None
        try:
            segment.close()
        except OSError as exc:
            self._report(exc)
        if segment.size_bytes == 0:
            return
        self._pace.note_cut()
        self.add_unconfirmed(1)
        self._on_sealed(segment.info(self._signal))

    def _report(self, exc: Exception) -> None:
        now = time.monotonic()
        if now - self._logged_at >= _LOG_INTERVAL_S:
            self._logged_at = now
            _log.error("WAL %s cannot be written: %s", self._directory, exc)
