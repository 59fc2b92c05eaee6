"""Tells a request that is sent again after a lost acknowledgement from a new one.

Decision and figures: docs/adr/0002-resent-requests.md. A request is known by a digest of its bytes,
for a number of minutes and of requests. Every digest is taken, at about 3 us for 240 KB; whether
the records carry times, without which equal bytes prove nothing, is only looked at on a hit.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import xxhash

from stepsight_collector.receivers.check import REQUEST_TYPES

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from stepsight_collector.wal import Entry, Signal

__all__ = ["Resends", "carries_times"]

_SECOND = 1_000_000_000
_MAX_SEEDS = 10_000


class Resends:
    """A window over the requests that were made durable. Lives on one event loop.

    Holds the newest `max_requests` at most and half of them at least, as old as `max_age_s` at
    most and half of that at least: two generations, so that nothing is ever searched or moved.
    """

    def __init__(
        self, max_age_s: float, max_requests: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._half_age_s = max_age_s / 2
        self._half_requests = max(1, max_requests // 2)
        self._clock = clock
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._young: set[int] = set()
        self._old: set[int] = set()
        self._turned_at = clock()
        # A secret seed for each project and signal: nobody can make bytes that meet another's.
        self._seeds: dict[tuple[str, str], int] = {}

    async def keep(
        self,
        signal: Signal,
        project: str,
        body: bytes,
        append: Callable[[], asyncio.Future[None]],
    ) -> bool:
        """Make a request durable with `append`; False if it is durable since it was sent before.

        Raises what `append` and its future raise; such a request may be sent again.
        """
        key = self._key(signal, project, body)
        if self._knows(key) and carries_times(signal, body):
            pending = self._pending.get(key)
            if pending is not None:
                await pending
            return False
        future = append()
        self._pending[key] = future
        try:
            await future
        finally:
            self.end(key, future)
        return True

    def key_of_new(self, signal: Signal, project: str, body: bytes) -> int | None:
        """Return the key of a request for `begin` and `end`; None if `keep` must look at it."""
        key = self._key(signal, project, body)
        return None if self._knows(key) else key

    def begin(self, key: int, future: asyncio.Future[None]) -> None:
        """Note that a new request is on its way to the disk; `end` has to follow."""
        self._pending[key] = future

    def end(self, key: int, future: asyncio.Future[None]) -> None:
        """Note what became of it."""
        if self._pending.get(key) is future:
            del self._pending[key]
        if future.done() and not future.cancelled() and future.exception() is None:
            self._add(key)

    def remember(self, signal: Signal, entry: Entry) -> None:
        """Take an entry of the write-ahead log into the window, at start."""
        self._add(self._key(signal, entry.project, entry.request))

    def _key(self, signal: Signal, project: str, body: bytes) -> int:
        seed = self._seeds.get((signal, project))
        if seed is None:
            if len(self._seeds) >= _MAX_SEEDS:
                self._seeds.clear()
            seed = self._seeds[signal, project] = secrets.randbits(64)
        return xxhash.xxh3_128_intdigest(body, seed)

    def _knows(self, key: int) -> bool:
        self._turn()
        return key in self._young or key in self._old or key in self._pending

    def _add(self, key: int) -> None:
        self._turn()
        self._young.add(key)

    def _turn(self) -> None:
        age_s = self._clock() - self._turned_at
        if age_s < self._half_age_s and len(self._young) < self._half_requests:
            return
        self._old = self._young if age_s < 2 * self._half_age_s else set()
        self._young = set()
        self._turned_at = self._clock()


def carries_times(signal: Signal, body: bytes) -> bool:
    """Tell whether every record has a time, so that equal bytes are the same records.

    A log record's time must be finer than a second: two equal lines in one second are no wonder.
    A span has its ids, a metric point is the same point at the same time.
    """
    request: Any = REQUEST_TYPES[signal].FromString(body)
    if signal == "logs":
        return all(
            record.time_unix_nano % _SECOND or record.observed_time_unix_nano % _SECOND
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        )
    if signal == "traces":
        return all(
            span.start_time_unix_nano
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        )
    return all(point.time_unix_nano for point in _points(request))


def _points(request: Any) -> Iterator[Any]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                yield from getattr(metric, kind).data_points if kind else ()
