"""A command's output: bytes go on to our own console unchanged, lines are recorded.

Pipes, or pseudo-terminals where our own stream is a terminal, so that colours stay and progress
bars know the width, also after the window was resized.
"""

from __future__ import annotations

import codecs
import os
import select
import sys
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from stepsight._stdio import LineAssembler

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from stepsight._marks import Marks

__all__ = ["Console"]

READ_BYTES = 64 << 10
LAST_ERROR_LINES = 400
# A step's own SDK sends a record within its linger time and one request; if the step is killed
# first, the lines of this many seconds are recorded here after all.
RECOVER_S = 5.0
RECOVER_LINES = 10_000


class _Stream:
    """One of the two streams: our console, the command's end, our reading end."""

    def __init__(self, name: str, target: int, emit: Callable[[str, str], None]) -> None:
        self.name = name
        self.target = target
        self.is_open = True
        self._is_terminal = os.isatty(target)
        self.reader, self.child = _open_terminal(target) if self._is_terminal else os.pipe()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self.lines = LineAssembler(lambda line: emit(name, line))

    def pass_on(self, before_lines: Callable[[], None]) -> None:
        """Read what is there, write it to our console, record its lines.

        Marks are written before their lines, so whoever reads them in `before_lines`, after the
        output was read, has those of every line in it.
        """
        try:
            data = os.read(self.reader, READ_BYTES)
        except OSError:  # a pseudo-terminal whose other end is closed
            data = b""
        if not data:
            self.close()
            return
        try:
            _write_all(self.target, data)
        except OSError:  # our console is gone: the command learns it as without us
            self.close()
        before_lines()
        self.lines.feed(self._decode(data))

    def resize(self) -> None:
        """Give the command's terminal the size of ours."""
        if self._is_terminal and self.is_open:
            _copy_size(self.target, self.reader)

    def close(self) -> None:
        """Stop to read."""
        if self.is_open:
            self.is_open = False
            os.close(self.reader)
            self.lines.feed(self._decode(b"", final=True))


class Console:
    """The command's two output streams; `emit` gets a stream's name and a line."""

    def __init__(self, emit: Callable[[str, str], None]) -> None:
        self._emit = emit
        self._marks: Marks | None = None
        self._streams: list[_Stream] = []
        self._skipped: deque[tuple[float, str, str]] = deque(maxlen=RECOVER_LINES)
        self.last_errors: deque[str] = deque(maxlen=LAST_ERROR_LINES)

    def __enter__(self) -> Self:
        for handle in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):
                handle.flush()
        self._streams = [_Stream("stdout", 1, self._line), _Stream("stderr", 2, self._line)]
        self.child_stdout, self.child_stderr = (stream.child for stream in self._streams)
        return self

    def __exit__(self, *_: object) -> None:
        self._close_child_ends()
        for stream in self._streams:
            stream.close()

    def started(self, marks: Marks) -> None:
        """The command has its ends of everything: close ours."""
        self._marks = marks
        self._close_child_ends()

    def resize(self) -> None:
        """Our window has another size now: give it to the command's terminals."""
        for stream in self._streams:
            stream.resize()

    def pump(self, wakeup: int, timeout_s: float | None) -> bool:
        """Wait for output or a signal, pass the output on; False when nothing came or can come."""
        streams = {stream.reader: stream for stream in self._streams if stream.is_open}
        if not streams and timeout_s is not None:
            return False
        ready, _, _ = select.select([*streams, wakeup], [], [], timeout_s)
        output = [streams[fd] for fd in ready if fd in streams]
        for stream in output:
            stream.pass_on(self._read_marks)
        return bool(output)

    def _read_marks(self) -> None:
        if self._marks is not None:
            self._marks.read()

    def finish(self, *, recover: bool) -> None:
        """Record unfinished lines; `recover` also those whose own record may have been lost."""
        for stream in self._streams:
            stream.lines.finish()
        since = time.monotonic() - RECOVER_S
        if recover:
            for moment, name, line in self._skipped:
                if moment >= since:
                    self._emit(name, line)

    def _line(self, name: str, line: str) -> None:
        if name == "stderr":
            self.last_errors.append(line)
        if self._marks is not None and self._marks.take(line):
            self._skipped.append((time.monotonic(), name, line))
            return
        self._emit(name, line)

    def _close_child_ends(self) -> None:
        for stream in self._streams:
            if stream.child >= 0:
                os.close(stream.child)
                stream.child = -1


def _open_terminal(like: int) -> tuple[int, int]:
    """A pseudo-terminal of the same size that changes no byte."""
    import pty
    import tty

    reader, child = pty.openpty()
    tty.setraw(child)
    _copy_size(like, child)
    return reader, child


def _copy_size(source: int, target: int) -> None:
    import fcntl
    import termios

    with suppress(OSError):  # a terminal that has none
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # noqa: PERF203 - a console that somebody set to non-blocking
            select.select([], [fd], [])
