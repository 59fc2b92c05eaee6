"""A command on a real pseudo-terminal, its screen kept by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = (sys.executable, "-m", "stepsight._cli.main")
# A machine that runs other things is slow.
TIMEOUT_S = 60.0


class Terminal:
    """Types into a process and looks at its screen; `history` is all that it wrote."""

    def __init__(
        self, *arguments: str, columns: int = 80, lines: int = 40, **variables: str
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=2000)
        # How the terminal answers where its cursor is.
        setattr(self.screen, "write_process_input", self.type)  # noqa: B010 - a method, for mypy
        self._stream = pyte.ByteStream(self.screen)
        self._main, side = pty.openpty()
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(side, termios.TIOCSWINSZ, size)
        kept = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES", "NO_COLOR"}}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            env={**kept, "TERM": "xterm-256color", **variables},
            start_new_session=True,
            # So that Ctrl-C becomes a signal; nothing here has threads when it starts.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(side)
        self.raw = b""

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def say(self, text: str, prompt: str = "kql>") -> None:
        """Type once the prompt waits: before that, the terminal would take Ctrl-D for itself."""
        self.wait_for(lambda each: each.screen.display[each.screen.cursor.y].rstrip() == prompt)
        self.type(text)

    def lines(self) -> list[str]:
        """What was written from the first line on, without trailing blanks."""
        above = [
            "".join(line[n].data for n in range(self.screen.columns))
            for line in self.screen.history.top
        ]
        return [line.rstrip() for line in [*above, *self.screen.display]]

    def text(self) -> str:
        return "\n".join(self.lines()).rstrip()

    def wait_for(self, wanted: str | Callable[[Terminal], bool]) -> str:
        """Wait until a text is on the screen, or until something holds of it."""
        if isinstance(wanted, str):
            holds: Callable[[Terminal], bool] = lambda each: wanted in each.text()  # noqa: E731
        else:
            holds = wanted
        deadline = time.monotonic() + TIMEOUT_S
        while not holds(self):
            assert time.monotonic() < deadline, f"{wanted!r} is not in\n{self.text()}"
            alive = self._read()
            assert alive or holds(self), f"ended without {wanted!r}:\n{self.text()}"
        return self.text()

    def _read(self) -> bool:
        """Take in what was written; false once the process has closed its side."""
        if not select.select([self._main], [], [], 0.1)[0]:
            return True
        try:
            part = os.read(self._main, 65536)
        except OSError:  # how Linux says that nobody writes any more
            return False
        self.raw += part
        self._stream.feed(part)
        return bool(part)

    def end(self) -> int:
        """Wait for the end of the process; returns its exit code."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._read():
            assert time.monotonic() < deadline, self.text()
        return self.process.wait(TIMEOUT_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._main)


def plain(text: bytes) -> str:
    """What a command wrote, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text.decode()).replace("\r\n", "\n")
