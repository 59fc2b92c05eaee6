"""Between a step and its supervisor: which lines of its output the step records itself.

A log record reaches the console as a line and the collector as a record. The supervisor sees the
line; the mark, written to a named pipe before the line is, tells it to leave that line out. By
name, so that every descendant of the step can open it, whatever it inherits.
"""

from __future__ import annotations

import os
import stat
import struct
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsight._stdio import visible

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from typing_extensions import Self

__all__ = ["Marker", "Marks", "line_mark"]

READ_BYTES = 64 << 10
_MARK = struct.Struct("<q")


def line_mark(line: str) -> int:
    """A number that tells lines apart, the same in every process."""
    import zlib

    data = line.encode("utf-8", "backslashreplace")
    return (len(data) & 0x7FFFFFFF) << 32 | zlib.crc32(data)


class Marks:
    """The supervisor's end: a pipe in a directory of its own, and the marks not yet used up.

    One mark of 8 bytes a line.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="stepsight-"))
        self.path = self._folder / "marks"
        os.mkfifo(self.path, 0o600)
        self._read = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""
        self._marks: Counter[int] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._read)
        self.path.unlink(missing_ok=True)
        with suppress(OSError):
            self._folder.rmdir()

    def take(self, line: str) -> bool:
        """Whether the step records this line itself; each mark counts once."""
        mark = line_mark(line)
        if not self._marks[mark]:
            return False
        self._marks[mark] -= 1
        return True

    def read(self) -> None:
        """Take in the marks that were written so far."""
        with suppress(BlockingIOError):
            while data := os.read(self._read, READ_BYTES):
                data = self._rest + data
                whole = len(data) - len(data) % _MARK.size
                self._rest = data[whole:]
                self._marks.update(mark for (mark,) in _MARK.iter_unpack(data[:whole]))


class Marker:
    """The step's end, as the taker of its streams."""

    goes_first = True

    def __init__(self, fd: int, inode: int, on_record: Callable[[logging.LogRecord], bool]) -> None:
        self._fd = fd
        self._inode = inode
        self._on_record = on_record

    @classmethod
    def open(cls, pipe: str, on_record: Callable[[logging.LogRecord], bool]) -> Marker | None:
        """Open the pipe; None if there is none, or nobody reads it any more."""
        try:
            # Not blocking: a step must never wait for its supervisor. A mark that finds the pipe
            # full is left out, and the line is then recorded twice, not lost.
            fd = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        found = os.fstat(fd)
        if not stat.S_ISFIFO(found.st_mode):
            os.close(fd)
            return None
        return cls(fd, found.st_ino, on_record)

    def take(self, record: logging.LogRecord | None, text: str) -> None:
        """Mark the lines of a log record that is recorded."""
        if record is not None and self._on_record(record):
            lines = (visible(line) for line in text.split("\n"))
            marks = b"".join(_MARK.pack(line_mark(line)) for line in lines if line.strip())
            self._write(marks)

    def _write(self, marks: bytes) -> None:
        # The step may have closed all its files and opened others: ours is known by its inode.
        with suppress(OSError):
            if os.fstat(self._fd).st_ino == self._inode:
                os.write(self._fd, marks)

    def buffer_of(self, stream: Any) -> Any:
        """The stream's own bytes end: the supervisor captures it."""
        return stream.buffer

    def finish(self) -> None:
        """Nothing: lines are the supervisor's."""

    def is_unfinished(self) -> bool:
        """Never, see finish()."""
        return False

    def reset(self) -> None:
        """Nothing: a forked child writes to the same pipe."""
