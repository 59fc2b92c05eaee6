"""A forked worker's end does not wait for the collector: its forker takes over what it holds."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest

from stepsight._handover import MAX_BYTES, Inbox, open_inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a forked child; 0 if it did not raise."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            # By a signal: os._exit() may be stepsight's own in this process, which delivers.
            os.kill(os.getpid(), signal.SIGKILL if code else signal.SIGUSR1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) + signal.SIGUSR1


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    opened = open_inbox()
    assert opened is not None
    yield opened
    opened.close()
    list(opened.take())


def test_what_is_handed_over_arrives_whole_and_in_order(inbox: Inbox) -> None:
    def work() -> None:
        heir = inbox.heir()
        assert heir.give("logs", b"first\nline\x00", 2)
        assert heir.give("metrics", b"", 1)

    assert fork(work) == 0
    assert list(inbox.take()) == [("logs", b"first\nline\x00", 2), ("metrics", b"", 1)]
    assert list(inbox.take()) == []


def test_a_closed_inbox_is_refused_but_what_is_in_it_can_be_taken(inbox: Inbox) -> None:
    def give(expected: bool) -> Callable[[], None]:
        def work() -> None:
            assert inbox.heir().give("logs", b"x", 1) is expected

        return work

    assert fork(give(expected=True)) == 0
    inbox.close()

    assert fork(give(expected=False)) == 0
    assert list(inbox.take()) == [("logs", b"x", 1)]


def test_too_much_is_refused_without_waiting(inbox: Inbox) -> None:
    def work() -> None:
        heir = inbox.heir()
        assert not heir.give("logs", b"x" * (MAX_BYTES + 1), 1)
        taken = 0
        while heir.give("logs", b"x" * MAX_BYTES, 1):
            taken += 1
        assert 0 < taken < 1000

    assert fork(work) == 0
    assert 0 < len(list(inbox.take())) < 1000


FORKER = """
import os, signal, sys
import stepsight
from stepsight import logger
stepsight.init()
{before}
pid = os.fork()
if pid == 0:
    {child}
    logger.info("last words %s", {size} * "x")
    os._exit(0)
{parent}
"""


def script(**parts: str) -> str:
    return FORKER.format(**{"before": "", "child": "pass", "size": "1", "parent": "", **parts})


def bodies_without_events(receiver: Any) -> list[str]:
    return [each.body.string_value[:12] for each in receiver.records() if not each.event_name]


def test_the_end_of_a_worker_needs_no_answer(
    receiver: Any, start_script: Any, tmp_path: Path
) -> None:
    receiver.gate.clear()
    process = start_script(script(parent="os.waitpid(pid, 0); print('ended', flush=True)"))

    # No answer has come so far, and what waits for one is not given up into the spool.
    assert process.stdout.readline() == b"ended\n"
    assert not any((tmp_path / "spool").glob("*logs*"))
    receiver.gate.set()
    process.communicate(timeout=30)

    assert sorted(bodies_without_events(receiver)) == ["ended", "last words x"]


ALONE = {
    "what is too large": {"size": "300_000", "parent": "os.waitpid(pid, 0)"},
    "after the forker's shutdown": {
        "child": "sys.stdin.readline()",
        "parent": "stepsight.shutdown(); print('shut', flush=True); os.waitpid(pid, 0)",
    },
    "after the forker was killed": {
        "child": "sys.stdin.readline()",
        "parent": "print('shut', flush=True); stepsight.flush(); os.kill(os.getpid(), 9)",
    },
}


@pytest.mark.parametrize("case", ALONE)
def test_a_worker_delivers_alone(receiver: Any, start_script: Any, case: str) -> None:
    process = start_script(script(**ALONE[case]))
    if "stdin" in ALONE[case].get("child", ""):
        assert process.stdout.readline() == b"shut\n"
        if "killed" in case:
            process.wait(30)
        process.stdin.write(b"go\n")
        process.stdin.close()
    receiver.wait_for(lambda: "last words x" in bodies_without_events(receiver))
    process.wait(30)

    assert bodies_without_events(receiver).count("last words x") == 1


def test_a_grandchild_hands_over_to_its_own_parent(receiver: Any, start_script: Any) -> None:
    deeper = "inner = os.fork()\n    if inner: os.waitpid(inner, 0)"
    process = start_script(script(child=deeper, parent="os.waitpid(pid, 0)"))
    process.wait(30)

    assert bodies_without_events(receiver).count("last words x") == 2


def test_a_worker_that_recorded_nothing_sends_nothing(receiver: Any, start_script: Any) -> None:
    silent = "os._exit(0)"
    process = start_script(script(child=silent, parent="os.waitpid(pid, 0); print('ended')"))
    process.wait(30)

    bodies = [record.body.string_value for record in receiver.records()]
    assert ("ended" in bodies, "worker ended" in bodies) == (True, False)


def test_the_unfinished_line_of_a_worker_is_no_nothing(receiver: Any, start_script: Any) -> None:
    printing = "print('no line end', end=''); os._exit(0)"
    process = start_script(script(child=printing, parent="os.waitpid(pid, 0)"))
    process.wait(30)

    assert bodies_without_events(receiver) == ["no line end"]


def test_another_socket_under_the_same_number_is_left_alone(inbox: Inbox) -> None:
    def work() -> None:
        heir = inbox.heir()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        os.dup2(theirs.fileno(), heir._theirs.fileno())
        assert not heir.give("logs", b"x", 1)
        heir.close()
        with pytest.raises(BlockingIOError):
            ours.recv(10)
        os.fstat(heir._theirs.fileno())  # still open: it is not ours to close

    assert fork(work) == 0
