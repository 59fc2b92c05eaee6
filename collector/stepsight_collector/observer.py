"""What the collector does by the clock: look at the disk and the store, store its own metrics.

Its metrics go through the same door as everybody's, as project `stepsight`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

from stepsight_collector.errors import StorageError
from stepsight_collector.exposition import Observed, families, render_otlp, render_prometheus
from stepsight_collector.log_limit import say_repeats
from stepsight_collector.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from stepsight_collector.disk import DiskWatch
    from stepsight_collector.metrics import Metrics
    from stepsight_collector.receivers.ingest import Ingest
    from stepsight_collector.store import Store
    from stepsight_collector.wal import Wal

__all__ = ["PROJECT", "Observer"]

PROJECT = "stepsight"
_DISK_INTERVAL_S = 1.0
_STORE_INTERVAL_S = 15.0
_PARTS = (
    "SELECT table, count() AS parts, sum(rows), sum(bytes_on_disk) FROM system.parts "
    "WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table"
)
_log = logging.getLogger("stepsight.observer")


class Observer:
    """Looks now and then, and remembers what it saw in `observed`. Lives on one event loop."""

    def __init__(
        self, store: Store, wal: Wal, metrics: Metrics, disk: DiskWatch, interval_s: float
    ) -> None:
        self.observed = Observed()
        self._store = store
        self._wal = wal
        self._metrics = metrics
        self._disk = disk
        self._interval_s = interval_s
        self._started_at = time.time_ns()
        self._ingest: Ingest | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, ingest: Ingest) -> None:
        """Look at the disk at once, and at everything from time to time."""
        self._ingest = ingest
        await self.look_at_disk()
        self._tasks = [
            asyncio.create_task(_every(_DISK_INTERVAL_S, self.look_at_disk)),
            asyncio.create_task(_every(_STORE_INTERVAL_S, self.look_at_store)),
        ]
        if self._interval_s:
            self._tasks.append(asyncio.create_task(_every(self._interval_s, self.store_metrics)))

    async def stop(self) -> None:
        """Stop looking."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def look_at_disk(self) -> None:
        """Ask for the free room."""
        await asyncio.to_thread(self._disk.look)
        self.observed.free_bytes = dict(self._disk.free_bytes)
        self.observed.disk_state = self._disk.state
        say_repeats()

    async def look_at_store(self) -> None:
        """Count parts, rows and bytes of each table; an engine that is away is asked again."""
        try:
            answer = await asyncio.to_thread(self._store.query, _PARTS)
        except StoreError as exc:
            _log.warning("the store's tables cannot be counted: %s", exc)
            return
        self.observed.tables = [(str(row[0]), *map(int, row[1:])) for row in answer.rows]  # type: ignore[misc]

    async def store_metrics(self) -> None:
        """Send the collector's own metrics; one that is refused for want of room is left out."""
        if self._ingest is None:
            return
        found = families(self._metrics, self._wal.usage(), self.observed)
        attributes = {
            "service.name": "stepsight-collector",
            "service.version": version("stepsight"),
        }
        body = render_otlp(found, attributes, self._started_at, time.time_ns())
        client = f"stepsight-collector/{version('stepsight')}"
        with suppress(StorageError):  # counted as rejected, as everybody's
            await self._ingest.accept("metrics", body, client, PROJECT)

    def prometheus(self) -> bytes:
        """Return the text of /metrics."""
        return render_prometheus(self._metrics, self._wal.usage(), self.observed)


async def _every(interval_s: float, step: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(interval_s)
        try:
            await step()
        except Exception:  # noqa: BLE001 - the collector lives on without it
            _log.exception("looking after the collector failed; a bug")
