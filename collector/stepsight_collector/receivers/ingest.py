"""What every receiver does with a request: check it, make it durable, count it.

receivers/http.py and receivers/grpc.py call `Ingest.accept`; it returns after the fsync.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from stepsight_collector.errors import (
    DiskFullError,
    MalformedError,
    StorageError,
    TooLargeError,
    WalFullError,
)
from stepsight_collector.receivers.check import Checked, check
from stepsight_collector.receivers.shed import without_debug
from stepsight_collector.wal import Entry, Signal, Wal

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.disk import DiskWatch
    from stepsight_collector.metrics import Metrics
    from stepsight_collector.receivers.resend import Resends

__all__ = ["Ingest"]

T = TypeVar("T")

# Decompressing 64 KiB takes about 0.3 ms: longer than handing it to a thread and back.
_INLINE_BYTES = 64 * 1024
_THREADS = 2
_MAX_CLIENT_CHARS = 256


class Ingest:
    """The door to the write-ahead log."""

    def __init__(
        self,
        wal: Wal,
        metrics: Metrics,
        max_body_bytes: int,
        clock: Callable[[], int] = time.time_ns,
        *,
        resends: Resends | None = None,
        disk: DiskWatch | None = None,
    ) -> None:
        self.max_body_bytes = max_body_bytes
        self._wal = wal
        self._metrics = metrics
        self._clock = clock
        self._resends = resends
        self._disk = disk
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="decode")

    async def accept(
        self, signal: Signal, body: bytes, client: str = "", project: str = "default"
    ) -> None:
        """Keep a protobuf request; returns when it is durable.

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
            # On the loop: protobuf's parser keeps the interpreter lock, a thread would not help.
            checked = check(signal, body)
            body, checked = self._with_room_for(signal, body, checked)
            if checked.records:
                entry = Entry(
                    request=body,
                    received_time_unix_nano=self._clock(),
                    project=project,
                    client=client[:_MAX_CLIENT_CHARS],
                    nested=checked.nested,
                    records=checked.records,
                )
                if not await self._keep(signal, entry):
                    counters.resent_requests += 1
                    return
        except (MalformedError, StorageError) as exc:
            self._metrics.count_rejected(signal, _reason(exc))
            raise
        counters.accepted_requests += 1
        counters.accepted_records += checked.records
        counters.accepted_bytes += len(body)

    def _with_room_for(
        self, signal: Signal, body: bytes, checked: Checked
    ) -> tuple[bytes, Checked]:
        """Leave out what a low disk has no room for. Raises `DiskFullError`."""
        if self._disk is None or self._disk.state == "ok":
            return body, checked
        if self._disk.state == "full":
            raise DiskFullError(self._disk.message())
        if signal != "logs":
            return body, checked
        body, shed = without_debug(body)
        self._metrics.shed[signal, "disk_low"] += shed
        return body, replace(checked, records=checked.records - shed)

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


def _reason(exc: Exception) -> str:
    """Name the reason of a refusal as /metrics and the API spell it."""
    if isinstance(exc, TooLargeError):
        return "too_large"
    if isinstance(exc, WalFullError):
        return "wal_full"
    if isinstance(exc, DiskFullError):
        return "disk_full"
    if isinstance(exc, StorageError):
        return "storage"
    if isinstance(exc, MalformedError):
        return "malformed"
    return "unsupported"
