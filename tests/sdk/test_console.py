"""A command under the supervisor on a terminal: its window's size, and changes of it."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})
print("begins with", *os.get_terminal_size(1), flush=True)
signal.sigwait({signal.SIGWINCH})
print("goes on with", *os.get_terminal_size(1), flush=True)
"""


def set_size(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def read_line(terminal: int) -> str:
    shown = b""
    while not shown.endswith(b"\n"):
        shown += os.read(terminal, 1)
    return shown.decode().strip()


def test_a_command_sees_the_size_of_the_window_and_every_change_of_it(
    receiver: Any, tmp_path: Path
) -> None:
    window, side = pty.openpty()
    set_size(window, 100, 30)
    process = subprocess.Popen(
        [sys.executable, "-m", "stepsight._cli.main", "run", "--", sys.executable, "-c", SCRIPT],
        env={
            **os.environ,
            "STEPSIGHT_ENDPOINT": receiver.endpoint,
            "STEPSIGHT_SPOOL": str(tmp_path),
        },
        stdout=side,
        stderr=side,
    )
    os.close(side)
    first = read_line(window)
    set_size(window, 72, 20)
    process.send_signal(signal.SIGWINCH)  # as the system does where it is the controlling terminal
    second = read_line(window)
    process.wait(30)
    os.close(window)

    assert (first, second) == ("begins with 100 30", "goes on with 72 20")
