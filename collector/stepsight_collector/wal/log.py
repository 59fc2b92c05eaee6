"""The write-ahead log of all signals, as the rest of the collector sees it.

Receivers append, the loader gets sealed segments and confirms them. Lives on one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stepsight_collector.errors import StorageError, WalFullError
from stepsight_collector.wal.ack_gate import AckGate
from stepsight_collector.wal.disk import fsync_directory
from stepsight_collector.wal.durable import Durable
from stepsight_collector.wal.ids import SegmentIds
from stepsight_collector.wal.lane import Lane, make_lane
from stepsight_collector.wal.recovery import recover_segments
from stepsight_collector.wal.segment import SIGNALS, SegmentInfo, Signal
from stepsight_collector.wal.writer import SegmentWriter, Waiting, WalLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stepsight_collector.wal.record import Entry
    from stepsight_collector.wal.recovery import OnEntry

__all__ = ["Wal", "WalLimits", "WalUsage"]

_ENTRY_OVERHEAD_BYTES = 64  # framing and fields around a request, rounded up
# Who asks for readiness may stop sending because of it, and only a request can show that the
# disk is well again. So a failure is forgotten after a while.
_FAILURE_COUNTS_S = 10.0
_log = logging.getLogger("stepsight.wal")


@dataclass(frozen=True, slots=True)
class WalUsage:
    """What the log holds that is not in the store yet."""

    bytes: int
    segments: int
    oldest_age_s: float


class Wal:
    """Three directories of segments under `directory`, one for each signal.

    Blocking work happens on the writers' threads. `confirm` may be called from any
    thread, everything else on the loop that called `start`.
    """

    def __init__(self, directory: Path, limits: WalLimits | None = None) -> None:
        self._directory = directory
        self._limits = limits or WalLimits()
        self._lock = threading.Lock()
        self._unconfirmed: dict[tuple[Signal, int], SegmentInfo] = {}
        self._stored: list[SegmentInfo] = []  # but not deleted
        self._used_bytes = 0
        self._writers: dict[Signal, SegmentWriter] = {}
        self._lanes: dict[Signal, Lane] = {}
        self._gate = AckGate(self._is_behind, self._limits.max_hold_s)
        self._last_error: str | None = None
        self._failed_at = float("-inf")  # monotonic, s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_sealed: Callable[[SegmentInfo], None] | None = None

    async def start(
        self,
        on_sealed: Callable[[SegmentInfo], None],
        on_entry: OnEntry = lambda _signal, _entry: None,
    ) -> None:
        """Recover what a former process left, then accept entries.

        `on_sealed` is called on this loop, in order within a signal, first with the recovered
        segments; `on_entry` with every entry of those, on another thread. Raises `StorageError`
        if the directory cannot be used.
        """
        self._loop = asyncio.get_running_loop()
        self._on_sealed = on_sealed
        for signal in SIGNALS:
            try:
                recovered = await asyncio.to_thread(self._open, signal, on_entry)
            except OSError as exc:
                raise StorageError(
                    f"The write-ahead log in {self._directory} cannot be opened: {exc}. "
                    "Check that the directory can be written and has room."
                ) from exc
            self._hold(recovered)
            for segment in recovered:
                on_sealed(segment)
        for signal, writer in self._writers.items():
            if (lane := self._lanes.get(signal)) is not None:
                self._loop.add_reader(lane.event_fd, self._collect, writer)
            writer.start()

    def append(self, signal: Signal, entry: Entry) -> Durable:
        """Queue an entry; the future is done when it is durable, or has a `StorageError`.

        While the store is behind, it is done up to `max_hold_s` later than it is durable.

        Raises `WalFullError` at once if the log is over its quota.
        """
        size = len(entry.request) + len(entry.client) + _ENTRY_OVERHEAD_BYTES
        with self._lock:
            if self._used_bytes + size > self._limits.quota_bytes:
                raise WalFullError(
                    f"The write-ahead log holds {self._used_bytes} bytes, its quota is "
                    f"{self._limits.quota_bytes}. The store does not keep up; send again later."
                )
            self._used_bytes += size
        future = Durable(loop=asyncio.get_running_loop())
        try:
            self._writers[signal].add(Waiting(entry, future, size))
        except (KeyError, StorageError) as exc:
            self._release(size)
            raise StorageError("The write-ahead log is not open.") from exc
        return future

    def confirm(self, segment: SegmentInfo) -> None:
        """Delete a segment that the store has.

        The deletion is not synced: a segment that comes back after a crash is loaded again
        under the same token, which adds nothing. One that cannot be deleted counts as used until
        it can; that is tried again with each of the following.
        """
        with self._lock:
            stored, self._stored = [*self._stored, segment], []
        for each in stored:
            if _delete(each):
                self._forget(each)
            else:
                with self._lock:
                    self._stored.append(each)

    def usage(self) -> WalUsage:
        """Return what waits for the store, the segments being written included."""
        with self._lock:
            waiting = list(self._unconfirmed.values())
            used = self._used_bytes
        oldest = min((one.first_received_unix_nano for one in waiting), default=0)
        age_s = max(0.0, (time.time_ns() - oldest) / 1e9) if oldest else 0.0
        return WalUsage(used, len(waiting), age_s)

    @property
    def fill(self) -> float:
        """Return how much of the quota is used, from 0 to 1."""
        return self._used_bytes / self._limits.quota_bytes

    def why_not_ready(self) -> str | None:
        """Say why entries are not accepted, or None."""
        if not self._writers:
            return "the write-ahead log is not open"
        with self._lock:
            if self._used_bytes >= self._limits.quota_bytes:
                return "the write-ahead log is full"
        is_recent = time.monotonic() - self._failed_at <= _FAILURE_COUNTS_S
        return self._last_error if is_recent else None

    async def close(self) -> None:
        """Write what waits and seal every segment; `on_sealed` has been called for all of them."""
        for writer in self._writers.values():
            await asyncio.to_thread(writer.close)
        while self._lanes:
            signal, lane = self._lanes.popitem()
            asyncio.get_running_loop().remove_reader(lane.event_fd)
            self._collect(self._writers[signal])
            await asyncio.to_thread(lane.close)
        await asyncio.sleep(0)  # the last calls of on_sealed are queued on this loop
        self._gate.release_all()

    def _open(self, signal: Signal, on_entry: OnEntry) -> list[SegmentInfo]:
        directory = self._directory / signal
        directory.mkdir(parents=True, exist_ok=True)
        fsync_directory(self._directory)
        fsync_directory(self._directory.parent)
        ids = SegmentIds(directory)
        recovered = recover_segments(directory, signal, on_entry)
        lane = make_lane()
        if lane is not None:
            self._lanes[signal] = lane
        writer = SegmentWriter(
            *(signal, directory, ids, self._limits),
            on_done=self._done,
            on_sealed=self._sealed,
            on_settled=self._release,
            lane=lane,
        )
        writer.add_unconfirmed(len(recovered))
        self._writers[signal] = writer
        return recovered

    def _done(self, group: list[Waiting], written_bytes: int, error: StorageError | None) -> None:
        """Tell a whole group with one wake-up of the loop. Called on a writer's thread."""
        self._last_error = str(error) if error else None
        if error is not None:
            self._failed_at = time.monotonic()
        self._release(sum(waiting.size_bytes for waiting in group) - written_bytes)
        if error is None:
            self._call(self._gate.submit, partial(_settle, _futures(group)))
        else:
            self._call(_settle, _futures(group), error)

    def _collect(self, writer: SegmentWriter) -> None:
        """Tell of the entries that a lane has made durable."""
        group = writer.collect()
        if group:
            self._last_error = None
            self._gate.submit(partial(_settle, _futures(group)))

    def _sealed(self, segment: SegmentInfo) -> None:
        with self._lock:
            self._unconfirmed[segment.signal, segment.id] = segment
        self._call(self._on_sealed, segment)

    def _call(self, function: Callable[..., None] | None, *args: object) -> None:
        if self._loop is None or function is None or self._loop.is_closed():
            _log.warning("WAL result came after the end of the event loop")
            return
        self._loop.call_soon_threadsafe(function, *args)

    def _hold(self, segments: list[SegmentInfo]) -> None:
        with self._lock:
            self._unconfirmed.update({(one.signal, one.id): one for one in segments})
            self._used_bytes += sum(one.size_bytes for one in segments)

    def _forget(self, segment: SegmentInfo) -> None:
        with self._lock:
            if self._unconfirmed.pop((segment.signal, segment.id), None) is None:
                return
        self._release(segment.size_bytes)
        self._writers[segment.signal].add_unconfirmed(-1)
        if self._gate.is_holding:
            self._call(self._gate.update)

    def _is_behind(self) -> bool:
        with self._lock:
            return self._used_bytes > self._limits.backlog_bytes

    def _release(self, size_bytes: int) -> None:
        with self._lock:
            self._used_bytes -= size_bytes


def _delete(segment: SegmentInfo) -> bool:
    try:
        segment.path.unlink(missing_ok=True)
    except OSError as exc:
        _log.error("%s is stored and cannot be deleted: %s", segment.path, exc)
        return False
    return True


def _futures(group: list[Waiting]) -> list[Durable]:
    """Not the bodies: they are on the disk."""
    return [waiting.future for waiting in group]


def _settle(futures: list[Durable], error: StorageError | None = None) -> None:
    for future in futures:
        future.settle(error)
