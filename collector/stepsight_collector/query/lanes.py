"""Whose query runs next: so many at once, fewer of one reader, readers in turn.

A reader's queries beyond these wait in a line of its own, which has an end: who asks still more is
told when to come again. One reader's long queries leave room for another's. Lives on the event
loop's thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

__all__ = ["LaneLimits", "Lanes"]


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How many queries run at once, how many of one reader, how many of it wait and how long."""

    at_once: int = 3
    of_one: int = 2
    waiting_of_one: int = 20
    max_wait_s: float = 60.0


class Lanes:
    """A line for each reader; the readers take turns."""

    def __init__(self, limits: LaneLimits) -> None:
        self._limits = limits
        self._running: Counter[Hashable] = Counter()
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self._why_closed: Exception | None = None

    def close(self, why: Exception) -> None:
        """Raise this for everyone who waits, and for everyone who comes."""
        self._why_closed = why
        lines, self._lines = self._lines, {}
        for future in (each for line in lines.values() for each in line):
            if not future.done():
                future.set_exception(why)

    @asynccontextmanager
    async def turn(self, reader: Hashable) -> AsyncIterator[None]:
        """Wait for a reader's turn; it ends with the block.

        Raises BusyError when the reader's line is full, or when its turn does not come in time.
        """
        await self._begin(reader)
        try:
            yield
        finally:
            self._end(reader)

    async def _begin(self, reader: Hashable) -> None:
        if self._why_closed is not None:
            raise self._why_closed
        line = self._lines.get(reader)
        if not line and self._has_room(reader):
            self._running[reader] += 1
            return
        waiting = len(line or ())
        if waiting >= self._limits.waiting_of_one:
            raise BusyError(
                f"{self._running[reader]} of this token's queries run and {waiting} wait. "
                "Ask again when some have ended, or ask for less at once.",
                retry_after_s=5,
            )
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(reader, deque()).append(future)
        try:
            async with asyncio.timeout(self._limits.max_wait_s):
                await future
        except BaseException as exc:
            self._leave(reader, future)
            if isinstance(exc, TimeoutError):
                raise BusyError(
                    f"The query waited {self._limits.max_wait_s:.0f} seconds for its turn: "
                    "too many queries run. Ask again in a moment.",
                    retry_after_s=10,
                ) from exc
            raise

    def _has_room(self, reader: Hashable) -> bool:
        return (
            self._running.total() < self._limits.at_once
            and self._running[reader] < self._limits.of_one
        )

    def _leave(self, reader: Hashable, future: asyncio.Future[None]) -> None:
        """Give up: the turn if it came in the same moment, else the place in the line."""
        line = self._lines.get(reader, ())
        if future in line:
            self._lines[reader].remove(future)
            if not line:
                del self._lines[reader]
        elif future.done() and not future.cancelled() and future.exception() is None:
            self._end(reader)

    def _end(self, reader: Hashable) -> None:
        self._running[reader] -= 1
        if not self._running[reader]:
            del self._running[reader]
        for waiting in list(self._lines):
            if self._running.total() >= self._limits.at_once:
                return
            if self._has_room(waiting):
                self._admit(waiting)

    def _admit(self, reader: Hashable) -> None:
        """Let the first of a line go on, and put the line at the end of those that wait."""
        line = self._lines.pop(reader)
        future = line.popleft()
        if line:
            self._lines[reader] = line
        self._running[reader] += 1
        future.set_result(None)
