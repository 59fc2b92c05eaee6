"""Who may fill the rest of a write-ahead log that is nearly full.

When the store does not keep up, the project that sends most would fill the log, and everyone would
be refused for it. So the last quarter is for projects that sent no more than an even share of what
came lately. A project alone may fill all of it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from stepsight_collector.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Shares"]

_NEARLY_FULL = 0.75
_HALF_LIFE_S = 30.0
_MOMENT_S = 0.5  # not worth a power of two for each request
_FORGOTTEN_BYTES = 1.0
_RETRY_AFTER_S = 10


class Shares:
    """What each project sent lately; `fill` is how full the log is, from 0 to 1."""

    def __init__(
        self, fill: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fill = fill
        self._clock = clock
        self._sent: dict[str, tuple[float, float]] = {}  # bytes, at

    def check(self, project: str) -> None:
        """Let a request in. Raises `BusyError` while what is left is for others."""
        if self._fill() < _NEARLY_FULL:
            return
        now = self._clock()
        lately = {name: self._lately(name, now) for name in self._sent}
        self._sent = {name: (size, now) for name, size in lately.items() if size > _FORGOTTEN_BYTES}
        mine = lately.get(project, 0.0)
        others = [
            size for name, size in lately.items() if name != project and size > _FORGOTTEN_BYTES
        ]
        if others and mine > (mine + sum(others)) / (len(others) + 1):
            raise BusyError(
                "The write-ahead log is nearly full, and what is left is for projects that send "
                f'less than "{project}". The store does not keep up; send again later.',
                _RETRY_AFTER_S,
            )

    def take(self, project: str, size_bytes: int) -> None:
        """Note what a project sent."""
        now = self._clock()
        size, at = self._sent.get(project, (0.0, now))
        if now - at < _MOMENT_S:
            self._sent[project] = (size + size_bytes, at)
        else:
            self._sent[project] = (size * math.exp2((at - now) / _HALF_LIFE_S) + size_bytes, now)

    def _lately(self, project: str, now: float) -> float:
        size, at = self._sent.get(project, (0.0, now))
        return size * math.exp2((at - now) / _HALF_LIFE_S)
