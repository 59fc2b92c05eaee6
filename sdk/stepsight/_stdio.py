"""Capture of stdout and stderr: lines reach the console as before, and the collector.

Under a supervisor the lines are its business; then only those that are log records are marked, so
that it leaves them to us (_marks.py).
"""

from __future__ import annotations

import codecs
import logging
import re
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LineAssembler", "LineCapture", "Tee", "install", "install_marks", "reset", "uninstall"]

MAX_LINE_CHARS = 256 << 10
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")

# Functions whose text is a log record; the record itself is their local variable `record`.
handler_codes = {logging.StreamHandler.emit.__code__}


class LineAssembler:
    """Pieces of text in, whole lines out.

    A carriage return replaces what stands before it in the line, as a terminal does, so a progress
    bar is one line in its last state. Escape sequences are removed, blank lines left out. A line
    over MAX_LINE_CHARS comes in parts, all but the last ending in "…".
    """

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self.reset()

    def reset(self) -> None:
        """Forget an unfinished line; a forked child does, its parent will finish it."""
        self._lock = threading.RLock()
        self._parts: list[str] = []
        self._chars = 0

    def feed(self, text: str) -> None:
        """Take a piece of text; emits every line that it completes."""
        with self._lock:
            self._parts.append(text)
            self._chars += len(text)
            if "\n" not in text and "\r" not in text and self._chars <= MAX_LINE_CHARS:
                return  # joined once, at the line's end: dots printed one by one stay cheap
            *lines, rest = "".join(self._parts).split("\n")
            for line in lines:
                self._line(line)
            if "\r" in rest[:-1]:
                rest = rest[rest.rindex("\r", 0, -1) + 1 :]
            rest = self._split(rest)
            self._parts, self._chars = [rest], len(rest)

    def finish(self) -> None:
        """Emit what stands without a line end."""
        with self._lock:
            rest = "".join(self._parts)
            self._parts, self._chars = [], 0
            self._line(rest)

    def is_unfinished(self) -> bool:
        """Whether something stands without a line end."""
        return self._chars > 0

    def _line(self, line: str) -> None:
        line = self._split(visible(line))
        if line.strip():
            self._emit(line)

    def _split(self, line: str) -> str:
        while len(line) > MAX_LINE_CHARS:
            self._emit(line[: MAX_LINE_CHARS - 1] + "…")
            line = line[MAX_LINE_CHARS - 1 :]
        return line


class Taker(Protocol):
    """What a tee gives its text to; `goes_first` is whether before the stream has it."""

    goes_first: bool

    def take(self, record: logging.LogRecord | None, text: str) -> None:
        """Take a piece of text; `record` is the log record that it shows, if it is one."""

    def buffer_of(self, stream: Any) -> Any:
        """What stands for the stream's `buffer`."""

    def finish(self) -> None:
        """Take an unfinished last line."""

    def is_unfinished(self) -> bool:
        """Whether there is one."""

    def reset(self) -> None:
        """Begin anew in a forked child."""


class LineCapture:
    """Records a stream's lines by `emit`.

    `on_record` gets the log record instead when a logging handler writes, and says whether it is
    recorded.
    """

    goes_first = False

    def __init__(
        self, emit: Callable[[str], None], on_record: Callable[[logging.LogRecord], bool]
    ) -> None:
        self._lines = LineAssembler(emit)
        self._on_record = on_record
        self._bytes: _BytesTee | None = None
        self.finish, self.reset = self._lines.finish, self._lines.reset
        self.is_unfinished = self._lines.is_unfinished

    def take(self, record: logging.LogRecord | None, text: str) -> None:
        """Feed the lines, unless the text is a recorded log record."""
        if record is None or not self._on_record(record):
            self._lines.feed(text)

    def buffer_of(self, stream: Any) -> Any:
        """The stream's bytes end; what is written there is captured too."""
        if self._bytes is None:
            self._bytes = _BytesTee(stream.buffer, self._lines)
        return self._bytes


class Tee:
    """Stands for a text stream: all goes to the stream itself and to `taker` as well.

    Every other attribute is the stream's own.
    """

    def __init__(self, stream: Any, taker: Taker) -> None:
        self._stream = stream
        self._taker = taker
        self._goes_first = taker.goes_first
        self._busy = threading.local()

    def write(self, text: str) -> int:
        """Write to the stream, and capture; a capture of a capture is left out."""
        frame = sys._getframe(1)  # noqa: SLF001 - the documented way to know one's caller
        if frame.f_code.co_name == "write" and frame.f_back is not None:
            frame = frame.f_back  # a stream around this one, as mlflow gives to its handler
        record = frame.f_locals.get("record") if frame.f_code in handler_codes else None
        if self._goes_first:
            self._take(record, text)
        written: int = self._stream.write(text)
        if not self._goes_first:
            self._take(record, text)
        return written

    @property
    def buffer(self) -> Any:
        """The stream's bytes end."""
        return self._taker.buffer_of(self._stream)

    def writelines(self, lines: Any) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def finish(self) -> None:
        """Capture an unfinished last line."""
        self._taker.finish()

    def is_unfinished(self) -> bool:
        """Whether the last line is."""
        return self._taker.is_unfinished()

    def reset(self) -> None:
        """Begin anew in a forked child."""
        self._taker.reset()
        self._busy = threading.local()

    def _take(self, record: logging.LogRecord | None, text: str) -> None:
        if getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            self._taker.take(record, text)
        except Exception as exc:  # noqa: BLE001 - a print must never fail because of us
            _count("stdio", exc)
        finally:
            self._busy.now = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)


class _BytesTee:
    """Stands for a stream's `buffer`."""

    def __init__(self, buffer: Any, lines: LineAssembler) -> None:
        self._buffer = buffer
        self._lines = lines
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def write(self, data: Any) -> int:
        """Write to the buffer first, then capture."""
        written: int = self._buffer.write(data)
        try:
            self._lines.feed(self._decode(bytes(data)))
        except Exception as exc:  # noqa: BLE001 - as in Tee
            _count("stdio", exc)
            self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._buffer, name)


def visible(line: str) -> str:
    """A line as a terminal leaves it: after the last carriage return, without escapes."""
    line = line.rstrip("\r")
    if "\r" in line:
        line = line[line.rindex("\r") + 1 :]
    return _ANSI.sub("", line) if "\x1b" in line else line


def install(
    capture: Callable[[str, str], None], on_record: Callable[[logging.LogRecord], bool]
) -> None:
    """Put tees in place of sys.stdout and sys.stderr; `capture` gets their name and a line."""
    for name in ("stdout", "stderr"):
        _replace(name, LineCapture(partial(capture, name), on_record))


def install_marks(pipe: str, on_record: Callable[[logging.LogRecord], bool]) -> None:
    """Tell the supervisor at `pipe` which lines are log records that we record ourselves."""
    from stepsight._marks import Marker

    marker = Marker.open(pipe, on_record)
    if marker is not None:
        for name in ("stdout", "stderr"):
            _replace(name, marker)


def reset() -> None:
    """Begin anew in a forked child: fresh locks, no unfinished line of the parent's."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Tee):
            stream.reset()


def is_unfinished() -> bool:
    """Whether a line was begun and not ended."""
    streams = (sys.stdout, sys.stderr)
    return any(isinstance(stream, Tee) and stream.is_unfinished() for stream in streams)


def uninstall() -> None:
    """Put the streams back, if nobody else has replaced them since."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Tee):
            stream.finish()
            _put(name, stream._stream)  # noqa: SLF001 - our own class


def _replace(name: str, taker: Taker) -> None:
    stream = getattr(sys, name)
    if stream is not None and not isinstance(stream, Tee):
        _put(name, Tee(stream, taker))


def _put(name: str, stream: Any) -> None:
    """Make a stream sys.stdout or sys.stderr, also for log handlers with the one before."""
    before = getattr(sys, name)
    setattr(sys, name, stream)
    # All there are, by logging's own list: one of a QueueListener or a MemoryHandler has no logger.
    for reference in tuple(getattr(logging, "_handlerList", ())):
        handler = reference()
        if getattr(handler, "stream", None) is before:
            handler.stream = stream


def _count(where: str, exc: Exception) -> None:
    from stepsight._client import count_internal_error

    count_internal_error(where, exc)
