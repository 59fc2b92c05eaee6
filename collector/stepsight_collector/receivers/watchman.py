"""Looks at the connections of a server by the clock: who is too slow, or idle for too long."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Watchman"]

_CHECK_INTERVAL_S = 1.0
_LOG_INTERVAL_S = 60.0
_log = logging.getLogger("stepsight.receivers.http")


class Watchman:
    """Looks at all connections of a server once a second."""

    def __init__(self, connections: set[Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._connections = connections
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """Look at every connection once."""
        now = self._clock()
        for connection in list(self._connections):
            connection.look(now)

    async def _run(self) -> None:
        logged_at = float("-inf")
        while True:
            await asyncio.sleep(_CHECK_INTERVAL_S)
            try:
                self.look()
            except Exception:  # noqa: BLE001 - one odd connection must not leave all others unwatched
                if time.monotonic() - logged_at >= _LOG_INTERVAL_S:
                    logged_at = time.monotonic()
                    _log.exception("connections could not be looked at")
