"""Capture of stdout and stderr: lines reach the console as before, and the collector."""

from __future__ import annotations

import logging
import re
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LineAssembler", "Tee", "install", "uninstall"]

MAX_LINE_CHARS = 256 << 10
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_EMIT = logging.StreamHandler.emit.__code__


class LineAssembler:
    """Pieces of text in, whole lines out.

    A carriage return replaces what stands before it in the line, as a terminal does, so a progress
    bar is one line in its last state. Escape sequences are removed. A line over MAX_LINE_CHARS
    comes in parts, all but the last ending in "…".
    """

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._rest = ""
        self._lock = threading.RLock()

    def feed(self, text: str) -> None:
        """Take a piece of text; emits every line that it completes."""
        with self._lock:
            pieces = (self._rest + text).split("\n")
            self._rest = pieces.pop()
            for line in pieces:
                self._line(line)
            if "\r" in self._rest[:-1]:
                self._rest = self._rest[self._rest.rindex("\r", 0, -1) + 1 :]
            while len(self._rest) > MAX_LINE_CHARS:
                self._emit(self._rest[: MAX_LINE_CHARS - 1] + "…")
                self._rest = self._rest[MAX_LINE_CHARS - 1 :]

    def finish(self) -> None:
        """Emit what stands without a line end."""
        with self._lock:
            rest, self._rest = self._rest, ""
            if rest:
                self._line(rest)

    def _line(self, line: str) -> None:
        line = line.rstrip("\r")
        if "\r" in line:
            line = line[line.rindex("\r") + 1 :]
        if "\x1b" in line:
            line = _ANSI.sub("", line)
        while len(line) > MAX_LINE_CHARS:
            self._emit(line[: MAX_LINE_CHARS - 1] + "…")
            line = line[MAX_LINE_CHARS - 1 :]
        if line.strip():
            self._emit(line)


class Tee:
    """Stands for a text stream: all goes to the stream itself, lines to `capture` as well."""

    def __init__(
        self,
        stream: Any,
        capture: Callable[[str], None],
        on_record: Callable[[logging.LogRecord], None],
    ) -> None:
        self._stream = stream
        self._lines = LineAssembler(capture)
        self._on_record = on_record
        self._busy = threading.local()

    def write(self, text: str) -> int:
        """Write to the stream first, then capture; a capture of a capture is left out."""
        written: int = self._stream.write(text)
        if getattr(self._busy, "now", False):
            return written
        self._busy.now = True
        try:
            frame = sys._getframe(1)  # noqa: SLF001 - the documented way to know one's caller
            record = frame.f_locals.get("record") if frame.f_code is _EMIT else None
            if record is not None:
                self._on_record(record)
            else:
                self._lines.feed(text)
        except Exception:  # noqa: BLE001 - a print must never fail because of us
            self._busy.failed = True
        finally:
            self._busy.now = False
        return written

    def writelines(self, lines: Any) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def finish(self) -> None:
        """Capture an unfinished last line."""
        self._lines.finish()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)


def install(
    capture: Callable[[str, str], None], on_record: Callable[[logging.LogRecord], None]
) -> None:
    """Put tees in place of sys.stdout and sys.stderr; `capture` gets their name and a line."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Tee):
            setattr(sys, name, Tee(stream, partial(capture, name), on_record))


def uninstall() -> None:
    """Put the streams back, if nobody else has replaced them since."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Tee):
            stream.finish()
            setattr(sys, name, stream._stream)  # noqa: SLF001 - our own class
