"""The one writer of a signal's segments: group commit, cutting, repair after a failed write.

A thread of its own, because fdatasync blocks. It takes everything that waits, writes it with one
call, syncs once, and only then reports. Under light load that is one sync a request; under heavy
load one sync serves all requests that came during the one before it. Where there is a lane, it
does the same for all but the first entries of a segment, see lane.py.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.errors import StorageError
from stepsight_collector.wal.open_segment import OpenSegment
from stepsight_collector.wal.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stepsight_collector.wal.durable import Durable
    from stepsight_collector.wal.ids import SegmentIds
    from stepsight_collector.wal.lane import Lane
    from stepsight_collector.wal.record import Entry
    from stepsight_collector.wal.segment import SegmentInfo, Signal

    OnDone = Callable[[list["Waiting"], int, StorageError | None], None]
    OnSealed = Callable[[SegmentInfo], None]
    OnSettled = Callable[[int], None]

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
    future: Durable
    size_bytes: int


class SegmentWriter:
    """Appends entries to segments of one signal.

    `on_done` gets every group with the bytes that were written, or none and the error; `on_sealed`
    every segment that was cut; `on_settled` how much smaller than their sizes the entries of a lane
    were. All are called on the writer's thread. Durable entries of the lane are left to `collect`.
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
        on_settled: OnSettled,
        lane: Lane | None = None,
    ) -> None:
        self._signal: Signal = signal
        self._directory = directory
        self._ids = ids
        self._limits = limits
        self._on_done = on_done
        self._on_sealed = on_sealed
        self._on_settled = on_settled
        self._lane = lane
        self._lane_failed = False
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
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
        with self._lock:
            if self._closing:
                raise StorageError("The write-ahead log is closed: the collector is stopping.")
            if self._lane is not None and self._lane.add(waiting):
                if self._lane.is_full:
                    self._wake.notify()
                return
            self._waiting.append(waiting)
            self._wake.notify()

    def collect(self) -> list[Waiting]:
        """Take the entries that the lane has made durable; on the event loop."""
        if self._lane is None:
            return []
        count, has_failed = self._lane.read()
        with self._lock:
            if has_failed:
                self._lane_failed = True
                self._wake.notify()
            return self._lane.collect(count)

    def add_unconfirmed(self, count: int) -> None:
        """Note sealed segments that the loader has (positive) or is done with (negative)."""
        with self._wake:
            self._unconfirmed += count
            if self._unconfirmed == 0:
                self._pace.note_loaded()
            self._wake.notify()

    def close(self) -> None:
        """Write what waits, seal, end the thread. Blocks until that is done.

        What the lane has made durable is left to the last `collect`, and the lane to its owner.
        """
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            group, closing = self._next_group()
            if group or closing or self._lane_failed:
                self._leave_lane()
            if group:
                self._write(group)
            if self._segment is not None and (closing or self._should_cut(self._segment)):
                self._leave_lane()
                self._seal(self._segment)
            self._enter_lane()
            if closing and not group and not self._waiting:
                return

    def _next_group(self) -> tuple[list[Waiting], bool]:
        """Wait for entries, for the moment to cut, or for the end."""
        with self._wake:
            is_full = self._lane is not None and self._lane.is_full
            if not (self._waiting or self._closing or self._lane_failed or is_full):
                self._wake.wait(self._until_cut_s())
            group, size = [], 0
            while self._waiting and size <= self._limits.max_segment_bytes:
                group.append(self._waiting.popleft())
                size += group[-1].size_bytes
            return group, self._closing and not self._waiting

    def _until_cut_s(self) -> float | None:
        if self._segment is None or self._segment.records_opened_at is None:
            return None
        waiting, size_bytes = self._unconfirmed, self._size_bytes(self._segment)
        is_busy = waiting >= _BUSY_SEGMENTS or size_bytes >= _BUSY_BYTES
        return self._pace.left_s(self._segment.records_opened_at, is_busy=is_busy)

    def _size_bytes(self, segment: OpenSegment) -> int:
        """Bytes of the open segment, with those on their way to it."""
        lane = self._lane
        return segment.size_bytes + (lane.taken_bytes if lane is not None and lane.is_open else 0)

    def _should_cut(self, segment: OpenSegment) -> bool:
        left_s = self._until_cut_s()
        return left_s is not None and (
            left_s <= 0
            or segment.size_bytes >= self._limits.max_segment_bytes
            or segment.records >= self._limits.max_segment_records
            or (self._lane is not None and self._lane.is_full)
        )

    def _write(self, group: list[Waiting]) -> None:
        try:
            if self._segment is None:
                self._segment = OpenSegment.create(
                    self._directory, self._ids.origin, self._ids.take()
                )
            written = self._segment.append([waiting.entry for waiting in group])
        except Exception as exc:  # noqa: BLE001 - the senders must hear of it, whatever it is
            self._fail(group, exc)
            return
        self._on_done(group, written, None)

    def _fail(self, group: list[Waiting], exc: Exception) -> None:
        self._report(exc)
        error = StorageError(
            f"The write-ahead log in {self._directory} cannot be written: {exc}. "
            "Nothing of this request was kept; send it again later."
        )
        error.__cause__ = exc
        self._on_done(group, 0, error)

    def _enter_lane(self) -> None:
        """Let entries go to the open segment without this thread, if nothing is wrong with it."""
        segment, lane = self._segment, self._lane
        if lane is None or segment is None or segment.size_bytes == 0 or segment.has_remains:
            return
        with self._wake:
            if lane.is_open or self._closing:
                return
            left_bytes = self._limits.max_segment_bytes - segment.size_bytes
            left_records = self._limits.max_segment_records - segment.records
            lane.begin(segment.descriptor, left_bytes, left_records)
            # Under load there is always somebody who came meanwhile.
            while self._waiting and lane.add(self._waiting[0]):
                self._waiting.popleft()

    def _leave_lane(self) -> None:
        """Have the open segment back, with all that was on its way to it."""
        segment, lane = self._segment, self._lane
        self._lane_failed = False
        if lane is None or segment is None or not lane.is_open:
            return
        appended = lane.stop()
        with self._wake:
            ended = lane.end(appended)
            self._waiting.extendleft(reversed(ended.untouched))
        try:
            segment.note_appended(
                appended.bytes,
                appended.records,
                nested=bool(appended.nested),
                failed=bool(appended.error),
            )
        except OSError as exc:
            self._report(exc)
        self._on_settled(ended.durable_bytes - appended.bytes)
        if ended.failed:
            self._fail(ended.failed, OSError(appended.error, os.strerror(appended.error)))

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
