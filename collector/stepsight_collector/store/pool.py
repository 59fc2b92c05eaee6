"""Connections that are lent for one query at a time, and replaced when a query failed on them.

A failed query leaves what it had written in the embedded engine's connection, and the next answer
on that connection begins with it (chDB 26.9, tests/contract/test_store_readers.py): somebody
else's rows. A connection is never lent again after a failure.
"""

from __future__ import annotations

import logging
import queue
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Pool"]

_log = logging.getLogger("stepsight.store")


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closable)


class Pool(Generic[T]):
    """At most `size` connections, opened when they are first needed. Thread-safe."""

    def __init__(self, connect: Callable[[], T], size: int) -> None:
        self._connect = connect
        self._size = size
        self._free: queue.LifoQueue[T | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)

    @contextmanager
    def lend(self) -> Iterator[T]:
        """Lend a connection for the length of the block; blocks while all are lent.

        Whatever leaves the block as an exception costs the connection.
        """
        held = self._free.get()
        try:
            if held is None:
                held = self._connect()
            yield held
        except BaseException:
            if held is not None:
                _close(held)
                held = None
            raise
        finally:
            self._free.put(held)

    def close(self) -> None:
        """Close every connection; waits for those that are lent. Nothing can be lent after it."""
        for _ in range(self._size):
            held = self._free.get()
            if held is not None:
                held.close()


def _close(connection: _Closable) -> None:
    """Close a connection that is given up: that this fails must not hide why it is given up."""
    try:
        connection.close()
    except Exception:  # noqa: BLE001 - whatever the driver raises, it is given up
        _log.exception("a connection to the store could not be closed")
