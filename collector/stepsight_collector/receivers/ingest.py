"""What every receiver does with a request: check it, make it durable, count it.

receivers/http.py and receivers/grpc.py call `Ingest.accept`; it returns after the fsync.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from stepsight_collector.errors import (
    AccessError,
    BusyError,
    DiskFullError,
    MalformedError,
    QuotaError,
    StorageError,
    TooLargeError,
    WalFullError,
)
from stepsight_collector.receivers.judge import Judged, RecordLimits, judge
from stepsight_collector.receivers.shed import without_debug
from stepsight_collector.wal import Durable, Entry, Signal, Wal

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.disk import DiskWatch
    from stepsight_collector.metrics import Metrics
    from stepsight_collector.receivers.resend import Resends

__all__ = ["Begun", "Ingest"]

T = TypeVar("T")

# Decompressing 64 KiB takes about 0.3 ms: longer than handing it to a thread and back.
_INLINE_BYTES = 64 * 1024
_JUDGED_INLINE_BYTES = 1 << 20
_THREADS = 2
_MAX_CLIENT_CHARS = 256


@dataclass(slots=True)  # not frozen, as Entry
class Begun:
    """A request on its way to the disk, see `Ingest.begin`. `key` is the one of `Resends`."""

    signal: Signal
    judged: Judged
    key: int | None
    done: Durable


class Ingest:
    """The door to the write-ahead log."""

    def __init__(
        self,
        wal: Wal,
        metrics: Metrics,
        max_body_bytes: int,
        clock: Callable[[], int] = time.time_ns,
        *,
        record_limits: RecordLimits | None = None,
        resends: Resends | None = None,
        disk: DiskWatch | None = None,
    ) -> None:
        self.max_body_bytes = max_body_bytes
        self._wal = wal
        self._metrics = metrics
        self._clock = clock
        self._record_limits = record_limits or RecordLimits()
        self._resends = resends
        self._disk = disk
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="decode")

    async def accept(
        self, signal: Signal, body: bytes, client: str = "", project: str = "default"
    ) -> Judged:
        """Keep a protobuf request; returns what of it was kept when that is durable.

        Raises `MalformedError` for what can never be stored and `StorageError` for what the
        sender should send again later. An empty request is valid, and nothing is written for it,
        nor for one that was sent before. When the disk is low, DEBUG log records are left out.
        """
        counters = self._metrics.signals[signal]
        counters.received_requests += 1
        counters.received_bytes += len(body)
        self._metrics.count_agent(client)
        try:
            if len(body) > self.max_body_bytes:
                raise TooLargeError(
                    f"The body has {len(body)} bytes, the limit is {self.max_body_bytes}."
                )
            judged = self._with_room_for(signal, await self._judge(signal, body))
            if judged.records:
                entry = Entry(
                    request=judged.body,
                    received_time_unix_nano=self._clock(),
                    project=project,
                    client=client[:_MAX_CLIENT_CHARS],
                    nested=judged.nested,
                    records=judged.records,
                )
                if not await self._keep(signal, entry):
                    counters.resent_requests += 1
                    return judged
        except (MalformedError, StorageError) as exc:
            self._metrics.count_rejected(signal, _reason(exc))
            raise
        self._count_kept(signal, judged)
        return judged

    def begin(self, signal: Signal, body: bytes, client: str, project: str) -> Begun | None:
        """Queue a small request for the disk if nothing has to be waited for before.

        None if `accept` has to decide about it: then nothing was counted and nothing kept.
        Otherwise `end` has to follow once `done` is.
        """
        is_large = len(body) > min(_JUDGED_INLINE_BYTES, self.max_body_bytes)
        if is_large or (self._disk is not None and self._disk.state != "ok"):
            return None
        try:
            judged = judge(signal, body, self._record_limits)
            key = None
            if self._resends is not None:
                key = self._resends.key_of_new(signal, project, judged.body)
                if key is None:
                    return None
            if not judged.records:
                return None
            entry = Entry(
                judged.body,
                self._clock(),
                project,
                client[:_MAX_CLIENT_CHARS],
                judged.nested,
                judged.records,
            )
            done = self._wal.append(signal, entry)
        except (MalformedError, StorageError):
            return None
        if key is not None and self._resends is not None:
            self._resends.begin(key, done)
        counters = self._metrics.signals[signal]
        counters.received_requests += 1
        counters.received_bytes += len(body)
        self._metrics.count_agent(client)
        return Begun(signal, judged, key, done)

    def end(self, begun: Begun) -> Judged:
        """Count what became of a request; raises what `accept` does."""
        if begun.key is not None and self._resends is not None:
            self._resends.end(begun.key, begun.done)
        try:
            begun.done.result()
        except StorageError as exc:
            self._metrics.count_rejected(begun.signal, _reason(exc))
            raise
        self._count_kept(begun.signal, begun.judged)
        return begun.judged

    def _count_kept(self, signal: Signal, judged: Judged) -> None:
        counters = self._metrics.signals[signal]
        counters.accepted_requests += 1
        counters.accepted_records += judged.records
        counters.accepted_bytes += len(judged.body)
        counters.rejected_records += judged.rejected

    async def _judge(self, signal: Signal, body: bytes) -> Judged:
        """Decide what is kept: on the loop, for protobuf's parser keeps the interpreter lock.

        A large request is parsed in parts, and between them other requests have their turn.
        """
        if len(body) <= _JUDGED_INLINE_BYTES:
            return judge(signal, body, self._record_limits)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, judge, signal, body, self._record_limits)

    def _with_room_for(self, signal: Signal, judged: Judged) -> Judged:
        """Leave out what a low disk has no room for. Raises `DiskFullError`."""
        if self._disk is None or self._disk.state == "ok":
            return judged
        if self._disk.state == "full":
            raise DiskFullError(self._disk.message())
        if signal != "logs":
            return judged
        body, shed = without_debug(judged.body)
        if not shed:
            return judged
        self._metrics.shed[signal, "disk_low"] += shed
        return replace(
            judged,
            body=body,
            records=judged.records - shed,
            rejected=judged.rejected + shed,
            reason=judged.reason or self._disk.message() or "",
        )

    async def _keep(self, signal: Signal, entry: Entry) -> bool:
        """Make an entry durable; False if it is a request that was kept before."""
        if self._resends is None:
            await self._wal.append(signal, entry)
            return True
        return await self._resends.keep(
            signal, entry.project, entry.request, lambda: self._wal.append(signal, entry)
        )

    def count_rejected(self, signal: Signal, exc: Exception) -> None:
        """Count a request that was refused before its body could be read."""
        self._metrics.signals[signal].received_requests += 1
        self._metrics.count_rejected(signal, _reason(exc))

    async def decode(self, function: Callable[[bytes], T], body: bytes) -> T:
        """Run decompression or translation of a body, large ones beside the loop."""
        if len(body) < _INLINE_BYTES:
            return function(body)
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, body)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


# The first class that an error is of decides.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (AccessError, "access"),
    (QuotaError, "quota"),
    (BusyError, "busy"),
    (TooLargeError, "too_large"),
    (WalFullError, "wal_full"),
    (DiskFullError, "disk_full"),
    (StorageError, "storage"),
    (MalformedError, "malformed"),
)


def _reason(exc: Exception) -> str:
    """Name the reason of a refusal as /metrics and the API spell it."""
    return next((reason for kind, reason in _REASONS if isinstance(exc, kind)), "unsupported")
