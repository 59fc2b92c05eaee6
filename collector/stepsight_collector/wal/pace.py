"""When a segment is cut by its age: at once for a line that comes alone, seldom in a steady stream.

An insert costs 25 to 80 ms of CPU before its first record (bench/insert_cost.py), so a steady
trickle that is cut every 150 ms keeps a core busy (bench/light_load.py). The time between two cuts
therefore grows with what the last insert took, up to where a line would not be seen within a second
of its making. Whoever comes after a pause waits for nobody.

Used by wal/writer.py under its lock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pace"]

# What comes together shall be stored together: requests of one step arrive within this time.
_GATHER_S = 0.02
_REST = 5
# The longest time between two cuts, in shortest ones: while the store keeps up, and while it is
# busy. Then cutting would only make more and smaller parts, but a store that hangs must not keep
# data out of sight for ever.
_LONGEST, _LONGEST_WHEN_BUSY = 4, 10


class Pace:
    """The clock of one writer. `shortest_s` lies between two cuts at least."""

    def __init__(self, shortest_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._shortest_s = shortest_s
        self._clock = clock
        self._cut_at = clock()
        self._load_s = 0.0

    def note_cut(self) -> None:
        """A segment was cut now."""
        self._cut_at = self._clock()

    def note_loaded(self) -> None:
        """The store has every segment that was cut, now."""
        self._load_s = self._clock() - self._cut_at

    def left_s(self, opened_at: float, *, is_busy: bool) -> float:
        """Seconds until a segment whose first record came at `opened_at` is due; 0 if it is."""
        between_s = max(self._shortest_s, _REST * self._load_s)
        between_s = min(between_s, _LONGEST * self._shortest_s)
        if is_busy:
            between_s = _LONGEST_WHEN_BUSY * self._shortest_s
        gathered_at = opened_at + min(_GATHER_S, self._shortest_s)
        return max(0.0, max(gathered_at, self._cut_at + between_s) - self._clock())
