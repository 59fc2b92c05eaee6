from __future__ import annotations

import io
import logging

from stepsight_collector.log_limit import LimitedHandler


class Log:
    """A logger of its own with a limited handler and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = LimitedHandler(self.stream, lambda: self.now)
        self.logger = logging.Logger("test")  # noqa: LOG001 - of its own, not the process's
        self.logger.addHandler(self.handler)

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def test_a_line_is_written_once_a_minute_and_its_repeats_are_counted() -> None:
    log = Log()
    for second in range(121):
        log.now = second
        log.logger.warning("segment %s failed", second)

    assert log.lines() == [
        "segment 0 failed",
        "segment 60 failed (repeated 59 times in between)",
        "segment 120 failed (repeated 59 times in between)",
    ]


def test_other_lines_are_not_held_back() -> None:
    log = Log()
    log.logger.warning("a")
    log.logger.error("a")
    log.logger.warning("b")

    assert log.lines() == ["a", "a", "b"]


def test_repeats_are_said_although_the_line_does_not_come_again() -> None:
    log = Log()
    for number in range(4):
        log.logger.warning("line %d", number)
    log.handler.say_repeats()
    before = log.lines()
    log.now = 60

    log.handler.say_repeats()
    log.handler.say_repeats()

    assert before == ["line 0"]
    assert log.lines() == ["line 0", "line 3 (repeated 2 times in between)"]


def test_nothing_is_forgotten_at_the_end() -> None:
    log = Log()
    log.logger.warning("line")
    log.logger.warning("line")

    log.handler.close()

    assert log.lines() == ["line", "line"]


def test_however_many_lines_there_are_few_are_remembered() -> None:
    log = Log()
    for number in range(5000):
        log.now = number
        log.logger.warning(f"line {number}")  # noqa: G004 - as foreign code does

    assert len(log.lines()) == 5000
    assert len(log.handler._seen) <= 1000
