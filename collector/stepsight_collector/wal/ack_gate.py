"""Backpressure: acknowledgements are held back while the store is behind.

Receiving costs a third of storing, so under full load the log would grow until its quota, and what
was just sent would be minutes from being seen. A sender that waits for its answer is slowed down to
the speed of the store instead. The hold has an end, because a store that is away is no reason to
refuse requests: then the log takes them up to its quota, a little more slowly.

Lives on one event loop. Called by wal/log.py only.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AckGate"]


class AckGate:
    """Passes acknowledgements on, at once or up to `max_hold_s` seconds later, in order."""

    def __init__(self, is_behind: Callable[[], bool], max_hold_s: float) -> None:
        self._is_behind = is_behind
        self._max_hold_s = max_hold_s
        self._held: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()

    @property
    def is_holding(self) -> bool:
        """Whether an acknowledgement waits; may be asked on any thread."""
        return bool(self._held)

    def submit(self, acknowledge: Callable[[], None]) -> None:
        """Call `acknowledge` now, or when the store has caught up, or after the longest hold."""
        if not self._is_behind():
            acknowledge()
            return
        number = next(self._numbers)
        self._held[number] = acknowledge
        asyncio.get_running_loop().call_later(self._max_hold_s, self._release, number)

    def update(self) -> None:
        """Let everything through if the store has caught up."""
        if not self._is_behind():
            self.release_all()

    def release_all(self) -> None:
        """Let everything through."""
        for number in tuple(self._held):
            self._release(number)

    def _release(self, number: int) -> None:
        acknowledge = self._held.pop(number, None)
        if acknowledge is not None:
            acknowledge()
