"""No line of the collector's log more than once a minute: repeats are counted and said later."""

from __future__ import annotations

import copy
import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

__all__ = ["LimitedHandler", "say_repeats"]

INTERVAL_S = 60.0
_MAX_LINES = 1_000


@dataclass(slots=True)
class _Seen:
    said_at: float
    repeats: int = 0
    last: logging.LogRecord | None = None


class LimitedHandler(logging.StreamHandler["TextIO"]):
    """Writes a line, and then at most once a minute how often it came again.

    Two lines are the same if logger, level and message are, whatever the message's arguments: the
    last one's are shown.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._clock = clock
        self._seen: dict[tuple[str, int, str], _Seen] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        now, key = self._clock(), (record.name, record.levelno, str(record.msg))
        seen = self._seen.get(key)
        if seen is None:
            self._forget(now)
            self._seen[key] = _Seen(now)
            super().emit(record)
        elif now - seen.said_at < INTERVAL_S:
            seen.repeats += 1
            seen.last = record
        else:
            self._seen[key] = _Seen(now)
            super().emit(_with_count(record, seen.repeats))

    def say_repeats(self, *, at_end: bool = False) -> None:
        """Write what was counted and not said for a minute, or all of it at the end."""
        with self.lock or nullcontext():
            now = self._clock()
            for key, seen in list(self._seen.items()):
                if seen.last and (at_end or now - seen.said_at >= INTERVAL_S):
                    super().emit(_with_count(seen.last, seen.repeats - 1))
                    self._seen[key] = _Seen(now)

    def close(self) -> None:
        """Write what was counted."""
        self.say_repeats(at_end=True)
        super().close()

    def _forget(self, now: float) -> None:
        """Keep the number of remembered lines bounded: what is old and was said can go."""
        if len(self._seen) < _MAX_LINES:
            return
        self.say_repeats(at_end=True)
        self._seen = {
            key: seen for key, seen in self._seen.items() if now - seen.said_at < INTERVAL_S
        }


def _with_count(record: logging.LogRecord, repeats: int) -> logging.LogRecord:
    if repeats <= 0:
        return record
    counted = copy.copy(record)
    counted.msg = f"{record.msg} (repeated {repeats} times in between)"
    return counted


def say_repeats() -> None:
    """Have every limited handler of the root logger say what it counted."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LimitedHandler):
            handler.say_repeats()
