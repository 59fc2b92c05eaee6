"""The quick way of entries to the open segment: a native thread appends them.

Between Python's threads each entry costs two hand-overs of the interpreter's lock, more than its
write and its sync. So while a segment is open and all is well, entries go from the event loop to
the native thread and back; the writer's own thread creates segments, cuts them, and deals with what
failed. Without the native library there is no lane, and that thread does everything.

Called by wal/writer.py, under its lock unless said otherwise.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.native.appender import FAILED, Appender, is_there

if TYPE_CHECKING:
    from stepsight_collector.native.appender import Appended
    from stepsight_collector.wal.writer import Waiting

__all__ = ["Ended", "Lane", "make_lane"]


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left when a lane ends.

    `durable_bytes` are the sizes of the entries that `appended` counts. `failed` are the entries
    of the group that failed, `untouched` those after it.
    """

    appended: Appended
    durable_bytes: int
    failed: list[Waiting]
    untouched: list[Waiting]


class Lane:
    """Entries between the event loop and the native thread, in order."""

    def __init__(self) -> None:
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._appender = Appender(self.event_fd)
        self._pending: deque[Waiting] = deque()
        self._collected = self._ended = 0  # entries that were durable, ever
        self._left_bytes = self._left_records = 0
        self.taken_bytes = 0  # sizes of the entries since `begin`
        self.is_open = False

    @property
    def is_full(self) -> bool:
        """Whether the segment has to be cut for its size."""
        return self.is_open and (self._left_bytes <= 0 or self._left_records <= 0)

    def begin(self, descriptor: int, left_bytes: int, left_records: int) -> None:
        """Take entries for a segment until those numbers are reached."""
        self._left_bytes, self._left_records = left_bytes, left_records
        self.taken_bytes = 0
        self._appender.begin(descriptor)
        self.is_open = True

    def add(self, waiting: Waiting) -> bool:
        """Queue an entry; False if it is for the writer's thread."""
        if not self.is_open or self._left_bytes <= 0 or self._left_records <= 0:
            return False
        self._pending.append(waiting)  # before: it may be durable in a moment
        if not self._appender.add(waiting.entry):
            self._pending.pop()
            return False
        self._left_bytes -= waiting.size_bytes
        self._left_records -= waiting.entry.records
        self.taken_bytes += waiting.size_bytes
        return True

    def read(self) -> tuple[int, bool]:
        """Count entries that became durable, and tell whether a group failed. Any thread."""
        try:
            value = os.eventfd_read(self.event_fd)
        except BlockingIOError:
            return 0, False
        return value % FAILED, value >= FAILED

    def collect(self, count: int) -> list[Waiting]:
        """Hand out as many entries as `read` counted."""
        self._collected += count
        return [self._pending.popleft() for _ in range(count)]

    def stop(self) -> Appended:
        """Wait for the native thread. Not under the lock: blocks for as long as a sync takes."""
        return self._appender.end()

    def end(self, appended: Appended) -> Ended:
        """Give back what did not become durable; `read` counts the rest."""
        self.is_open = False
        self._ended += appended.entries
        first = self._ended - self._collected
        rest = [self._pending.pop() for _ in range(len(self._pending) - first)][::-1]
        durable_bytes = self.taken_bytes - sum(waiting.size_bytes for waiting in rest)
        return Ended(appended, durable_bytes, rest[: appended.failed], rest[appended.failed :])

    def close(self) -> None:
        """End the native thread. The last entries must have been collected."""
        self._appender.close()
        os.close(self.event_fd)


def make_lane() -> Lane | None:
    """Return a lane, None where there is no native library."""
    return Lane() if is_there() else None
