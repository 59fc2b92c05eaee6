"""What a forked worker still holds at its end, handed to the process that forked it.

Others wait for a worker's end: a DataLoader twice an epoch, a pool at its close. So it does not
wait for the collector's answer, if the process that forked it can do that. One datagram is one
request; what does not fit, or finds nobody, the worker sends itself.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Heir", "Inbox", "open_inbox"]

# Half of Linux's default send buffer, which also holds the system's own accounts of each datagram.
MAX_BYTES = 100_000


class Inbox:
    """The forker's end. `take` and `close` belong to one thread at a time."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self._ours, self._theirs = ours, theirs
        self._is_closed = False

    def take(self) -> Iterator[tuple[str, bytes, int]]:
        """Signal, body and number of records of each request that workers handed over."""
        while message := self._receive():
            head, _, body = message.partition(b"\n")
            signal, count = head.split()
            yield signal.decode(), body, int(count)

    def _receive(self) -> bytes:
        try:
            return self._ours.recv(2 * MAX_BYTES)
        except OSError:  # nothing more
            if self._is_closed:
                self._ours.close()
                self._theirs.close()
            return b""

    def close(self) -> None:
        """Refuse what workers hand over from now on; take() still gives what is there."""
        self._is_closed = True
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RD)

    def heir(self) -> Heir:
        """In the forked worker: the way back."""
        # An open copy of the forker's end would hide its death.
        self._ours.close()
        return Heir(self._theirs)


class Heir:
    """The worker's end."""

    def __init__(self, theirs: socket.socket) -> None:
        self._theirs = theirs
        self._inode = os.fstat(theirs.fileno()).st_ino

    def give(self, signal: str, body: bytes, count: int) -> bool:
        """Hand over a request; False if it or what waits there is too large, or nobody is there."""
        if len(body) > MAX_BYTES:
            return False
        try:
            # The child may have closed all its files and opened others: ours is known by its inode.
            if os.fstat(self._theirs.fileno()).st_ino != self._inode:
                return False
            self._theirs.send(b"%s %d\n%s" % (signal.encode(), count, body))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Give nothing more."""
        with suppress(OSError):  # closed already by the child
            if os.fstat(self._theirs.fileno()).st_ino == self._inode:
                self._theirs.close()


def open_inbox() -> Inbox | None:
    """A new inbox; None where the system has no such sockets."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    except OSError:  # out of file descriptors: workers send for themselves
        return None
    ours.setblocking(False)
    theirs.setblocking(False)
    return Inbox(ours, theirs)
