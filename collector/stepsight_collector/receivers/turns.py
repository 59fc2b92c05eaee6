"""Whose request is worked on next: at most so many at once, projects in turn.

One project's flood makes its own queue longer, and another project's request still comes next.
Lives on the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Turns"]

# Enough for one sync of the log to serve many requests, few enough that a newcomer waits for less
# than 0.1 s of other people's work.
_AT_ONCE = 64


class Turns:
    """Hands out turns. Without a queue, a turn costs a comparison and an addition."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._free = at_once
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    def turn(self, project: str) -> _Turn:
        """Wait for the project's turn with `async with`; it ends with the block."""
        return _Turn(self, project)

    def takes_one(self) -> bool:
        """Take a turn at once, if there is one."""
        if self._free > 0:
            self._free -= 1
            return True
        return False

    async def wait(self, project: str) -> None:
        """Return when it is the project's turn."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(project, deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.end()
            raise

    def end(self) -> None:
        """Give a turn that ended to the next project in line, or keep it for later."""
        while self._queues:
            project = next(iter(self._queues))
            queue = self._queues.pop(project)
            future = queue.popleft()
            if queue:  # to the end of the line
                self._queues[project] = queue
            if not future.done():
                future.set_result(None)
                return
        self._free += 1


class _Turn:
    """One turn; a class of its own, because a generator costs three times as much."""

    __slots__ = ("_project", "_turns")

    def __init__(self, turns: Turns, project: str) -> None:
        self._turns = turns
        self._project = project

    async def __aenter__(self) -> None:
        if not self._turns.takes_one():
            await self._turns.wait(self._project)

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._turns.end()
