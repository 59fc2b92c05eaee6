"""What every receiver does with a request: check it, make it durable, count it.

receivers/http.py and receivers/grpc.py call `Ingest.accept`; it returns after the fsync.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from stepsight_collector.errors import MalformedError, StorageError, TooLargeError, WalFullError
from stepsight_collector.receivers.check import check
from stepsight_collector.wal import Entry, Signal, Wal

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.metrics import Metrics

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
    ) -> None:
        self.max_body_bytes = max_body_bytes
        self._wal = wal
        self._metrics = metrics
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="decode")

    async def accept(
        self, signal: Signal, body: bytes, client: str = "", project: str = "default"
    ) -> None:
        """Keep a protobuf request; returns when it is durable.

        Raises `MalformedError` for what can never be stored and `StorageError` for what the
        sender should send again later. An empty request is valid, and nothing is written for it.
        """
        counters = self._metrics.signals[signal]
        counters.received_requests += 1
        counters.received_bytes += len(body)
        try:
            if len(body) > self.max_body_bytes:
                raise TooLargeError(
                    f"The body has {len(body)} bytes, the limit is {self.max_body_bytes}."
                )
            # On the loop: protobuf's parser keeps the interpreter lock, a thread would not help.
            checked = check(signal, body)
            if checked.records:
                entry = Entry(
                    request=body,
                    received_time_unix_nano=self._clock(),
                    project=project,
                    client=client[:_MAX_CLIENT_CHARS],
                    nested=checked.nested,
                    records=checked.records,
                )
                await self._wal.append(signal, entry)
        except (MalformedError, StorageError) as exc:
            self._metrics.count_rejected(signal, _reason(exc))
            raise
        counters.accepted_requests += 1
        counters.accepted_records += checked.records
        counters.accepted_bytes += len(body)

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
    if isinstance(exc, StorageError):
        return "storage"
    if isinstance(exc, MalformedError):
        return "malformed"
    return "unsupported"
