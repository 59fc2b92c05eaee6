from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stepsight import _spool
from stepsight._spool import Spool, read_requests

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
DELIVER = """
import sys
from stepsight._spool import Spool
print(Spool(sys.argv[1], 9999).deliver(lambda *_: True))
"""


class Sent:
    """A sender that takes `count` requests, then no more."""

    def __init__(self, count: int = 1000) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self._left = count

    def __call__(self, signal: str, request: bytes) -> bool:
        if self._left == 0:
            return False
        self._left -= 1
        self.requests.append((signal, request))
        return True


def test_requests_come_back_in_their_order(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "new"), MIB)
    for number in range(5):
        assert spool.add("logs", b"%d" % number * 100)
    sent = Sent()

    assert spool.deliver(sent) == 5
    assert sent.requests == [("logs", b"%d" % number * 100) for number in range(5)]
    assert list((tmp_path / "new").iterdir()) == []


def test_what_was_not_sent_stays_and_is_not_sent_twice(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), MIB)
    for number in range(5):
        spool.add("logs", b"%d" % number)
    first, second = Sent(2), Sent()

    assert (spool.deliver(first), spool.deliver(second)) == (2, 3)
    assert [body for _, body in first.requests + second.requests] == [
        b"%d" % number for number in range(5)
    ]


def test_the_spool_has_a_limit(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), 1000)

    assert [spool.add("logs", b"x" * 400) for _ in range(3)] == [True, True, False]
    spool.finish()


def test_a_file_that_its_process_still_writes_is_left_alone(tmp_path: Path) -> None:
    mine = Spool(str(tmp_path), MIB)
    mine.add("logs", b"mine")
    other = subprocess.run(
        [
            sys.executable,
            "-c",
            DELIVER,
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (other.stdout.strip(), len(list(tmp_path.iterdir()))) == ("0", 1)
    mine.finish()


def test_what_a_killed_process_left_is_delivered(tmp_path: Path) -> None:
    script = (
        "import os, sys; from stepsight._spool import Spool\n"
        "Spool(sys.argv[1], 9999).add('traces', b'left')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    sent = Sent()

    assert Spool(str(tmp_path), MIB).deliver(sent) == 1
    assert sent.requests == [("traces", b"left")]


def test_a_file_of_another_host_is_left_until_it_is_old(tmp_path: Path) -> None:
    elsewhere = Spool(str(tmp_path), MIB, host="elsewhere")
    elsewhere.add("logs", b"left")
    elsewhere._parts["logs"].file.close()  # as its end does, without finish()
    here = Spool(str(tmp_path), MIB)

    assert here.deliver(Sent()) == 0
    [path] = tmp_path.iterdir()
    os.utime(path, (0, 0))
    assert here.deliver(Sent()) == 1


def test_a_torn_end_is_left_out() -> None:
    whole = b"\x03abc\x02de"

    assert [request for _, request in read_requests(whole[:-1])] == [b"abc"]
    assert list(read_requests(whole)) == [(0, b"abc"), (4, b"de")]


def test_a_full_disk_leaves_no_half_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(str(tmp_path), MIB)
    spool.add("logs", b"first")
    write_all = _spool._write_all

    def short(file: object, data: bytes) -> None:
        write_all(file, data[:3])  # type: ignore[arg-type]  # passed on
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_spool, "_write_all", short)
    with pytest.raises(OSError, match="No space"):
        spool.add("logs", b"second")
    monkeypatch.undo()
    spool.add("logs", b"third")
    sent = Sent()
    spool.deliver(sent)

    assert [body for _, body in sent.requests] == [b"first", b"third"]
