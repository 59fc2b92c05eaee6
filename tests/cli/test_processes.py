"""The command line as processes: signals, closed pipes, a terminal, a restarted collector."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli._collector import Collector

COMMAND = (sys.executable, "-m", "stepsight._cli.main")


@pytest.fixture
def follow(live_collector: Collector, live_run: str) -> Callable[[], subprocess.Popen[str]]:
    """Start `logs --follow` of the live run; returns once it has printed the first row."""

    def begin() -> subprocess.Popen[str]:
        api = live_collector.addresses["ui"]
        process = subprocess.Popen(
            [*COMMAND, "logs", live_run, "--follow", "--api", api],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert "step started" in process.stdout.readline()
        return process

    return begin


def test_ctrl_c_ends_following_quietly(follow: Any) -> None:
    process = follow()

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 130


def test_following_survives_a_restart_of_the_collector(
    follow: Any, live_collector: Collector, otlp: Any, live_run: str
) -> None:
    process = follow()
    live_collector.kill()
    assert "No collector answers" in process.stderr.readline()
    live_collector.start()
    who, now = otlp.identity(live_run, "train"), time.time_ns()
    records = (otlp.line(now, "after the restart"), otlp.end(now + 1))
    live_collector.send("logs", otlp.log_request(who, *records))

    out, err = process.communicate(timeout=60)

    assert process.returncode == 0
    assert [line.split("  ")[-1] for line in out.splitlines()] == [
        "after the restart",
        "step completed",
    ]
    assert "The collector answers again." in err


def test_a_reader_that_goes_away_is_no_error(collector: Collector) -> None:
    process = subprocess.Popen(
        [*COMMAND, "logs", "hostile/run-1", "--api", collector.addresses["ui"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None

    process.stdout.read(100)
    process.stdout.close()

    assert (process.wait(20), process.stderr.read()) == (0, b"")
    process.stderr.close()


def on_a_terminal(width: int, api: str, *arguments: str, **variables: str) -> str:
    """What a command prints on a terminal of this width."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    kept = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "NO_COLOR"}}
    environment = {**kept, "TERM": "xterm", "STEPSIGHT_API": api, **variables}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=side, stdout=side, stderr=side, env=environment
    )
    os.close(side)
    shown = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not part:
            break
        shown += part
    os.close(main)
    assert process.wait(20) == 0, shown
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs",),
        ("show", "nightly-good-1"),
        ("metrics", "nightly-good-1", "--plot"),
        ("trace", "scoring-1", "--all"),
    ],
)
def test_a_page_fits_a_terminal_of_80_columns(
    collector: Collector, arguments: tuple[str, ...]
) -> None:
    shown = on_a_terminal(80, collector.addresses["ui"], *arguments)

    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert plain != shown
    assert max(len(line) for line in plain.splitlines()) <= 80


def test_no_color_is_honoured_on_a_terminal(collector: Collector) -> None:
    shown = on_a_terminal(80, collector.addresses["ui"], "show", "nightly-bad-1", NO_COLOR="1")

    assert "\x1b" not in shown


def test_a_hostile_line_is_harmless_and_a_long_one_is_cut_on_a_terminal(
    collector: Collector,
) -> None:
    shown = on_a_terminal(80, collector.addresses["ui"], "logs", "hostile/run-1")

    assert set(re.findall(r"\x1b\[?[0-9;]*.", shown)) <= {"\x1b[2m", "\x1b[36m", "\x1b[0m"}
    assert "(1,048,576 characters; whole in a pipe: | less)" in shown
    assert len(shown) < 10_000
