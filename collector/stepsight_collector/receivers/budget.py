"""The memory that requests may take together, shared fairly between projects.

Everything that a request makes the collector hold (its body, what comes out of decompression) is
asked for here before it is allocated. Who finds no room waits a moment in its project's queue or is
told to come again: memory is never spent first and regretted later.

Fair means: a project that holds less than its even share may take any room that is left. One that
holds more may go on only while a quarter of the budget stays free for the others. Queues are served
in turn, one request of each project.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Self

from stepsight_collector.errors import BusyError, TooLargeError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Hold", "MemoryBudget"]

# What those who hold more than their share must leave free, as a part of the budget.
_FOR_OTHERS = 0.25
_MAX_WAITING = 1024


class MemoryBudget:
    """A number of bytes, and who holds how many of them.

    `reserve` belongs to the event loop; a `Hold` may grow on any thread.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        # What one request can get when nothing else is held.
        self.most_for_one = int(max_bytes * (1 - _FOR_OTHERS))
        self._lock = threading.Lock()
        self._used = 0
        self._of_project: dict[str, int] = {}
        self._queues: dict[str, deque[tuple[int, asyncio.Future[None]]]] = {}
        self._waiting = 0

    @property
    def used_bytes(self) -> int:
        """Return what is held now."""
        return self._used

    def reserve_now(self, project: str, size_bytes: int) -> Hold | None:
        """Take bytes if there is room and nobody of the project waits; None if one has to wait.

        Raises `TooLargeError` if there will never be room.
        """
        if size_bytes > self.most_for_one:
            raise _never(size_bytes, self.most_for_one)
        if self._queues and self._queues.get(project):
            return None
        with self._lock:  # what `_take` does where there is room, without a call
            used = self._used + size_bytes
            if used <= self.most_for_one:
                self._used = used
                self._of_project[project] = self._of_project.get(project, 0) + size_bytes
                return Hold(self, project, size_bytes)
        return Hold(self, project, size_bytes) if self._take(project, size_bytes) else None

    async def reserve(self, project: str, size_bytes: int, wait_s: float = 0.0) -> Hold:
        """Take bytes, after at most `wait_s` seconds. Give them back with the `Hold`.

        Raises `BusyError` if there is no room in time, `TooLargeError` if there never will be.
        """
        hold = self.reserve_now(project, size_bytes)
        if hold is not None:
            return hold
        if wait_s <= 0 or self._waiting >= _MAX_WAITING:
            raise _busy()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(project, deque()).append((size_bytes, future))
        self._waiting += 1
        try:
            async with asyncio.timeout(wait_s):
                await future
        except BaseException as exc:
            if future.done() and not future.cancelled():  # granted in the same moment
                self._give_back(project, size_bytes)
            if isinstance(exc, TimeoutError):
                raise _busy() from exc
            raise
        finally:
            self._waiting -= 1
        return Hold(self, project, size_bytes)

    def _take(self, project: str, size_bytes: int) -> bool:
        with self._lock:
            mine = self._of_project.get(project, 0)
            used = self._used + size_bytes
            if used > self.max_bytes:
                return False
            if used > self.most_for_one:
                holders = len(self._of_project) + (project not in self._of_project)
                if holders == 1 or mine + size_bytes > self.max_bytes / holders:
                    return False
            self._used = used
            self._of_project[project] = mine + size_bytes
            return True

    def _give_back(self, project: str, size_bytes: int) -> None:
        with self._lock:
            self._used -= size_bytes
            left = self._of_project[project] - size_bytes
            if left > 0:
                self._of_project[project] = left
            else:
                del self._of_project[project]
        if self._queues:
            self._wake()

    def _wake(self) -> None:
        """Serve the queues in turn, as long as somebody's request fits."""
        progress = True
        while progress:
            progress = False
            for project in list(self._queues):
                queue = self._queues[project]
                while queue and queue[0][1].done():  # gave up
                    queue.popleft()
                if queue and not self._take(project, queue[0][0]):
                    continue  # keeps its place
                del self._queues[project]
                if queue:
                    queue.popleft()[1].set_result(None)
                    progress = True
                if queue:  # to the end of the line
                    self._queues[project] = queue


class Hold:
    """Bytes taken from a budget by one request, given back by `release` or the end of `with`."""

    __slots__ = ("_budget", "_project", "size_bytes")

    def __init__(self, budget: MemoryBudget, project: str, size_bytes: int) -> None:
        self._budget = budget
        self._project = project
        self.size_bytes = size_bytes

    def grow(self, size_bytes: int) -> None:
        """Take more at once. Never waits: who holds and waits could stop everyone.

        Raises `BusyError` without room, `TooLargeError` if one request can never have so much.
        Any thread.
        """
        if self.size_bytes + size_bytes > self._budget.most_for_one:
            raise _never(self.size_bytes + size_bytes, self._budget.most_for_one)
        if not self._budget._take(self._project, size_bytes):  # noqa: SLF001 - one idea, two classes
            raise _busy()
        self.size_bytes += size_bytes

    def shrink(self, size_bytes: int) -> None:
        """Give a part back. The event loop's thread."""
        self.size_bytes -= size_bytes
        self._budget._give_back(self._project, size_bytes)  # noqa: SLF001 - see grow

    def release(self) -> None:
        """Give back all that is left."""
        if self.size_bytes:
            self._budget._give_back(self._project, self.size_bytes)  # noqa: SLF001 - see grow
            self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.release()


def _busy() -> BusyError:
    return BusyError(
        "The collector has no memory left for this request now: too much arrives at once. "
        "Send it again in a moment."
    )


def _never(size_bytes: int, most: int) -> TooLargeError:
    return TooLargeError(
        f"The request would take {size_bytes} bytes of memory, one may take {most}. "
        "Send it in smaller parts, or raise STEPSIGHT_MAX_IN_FLIGHT_BYTES."
    )
