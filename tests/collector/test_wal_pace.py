from __future__ import annotations

import pytest

from stepsight_collector.wal.pace import Pace


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def left(pace: Pace, opened_at: float, *, is_busy: bool = False) -> float:
    return round(pace.left_s(opened_at, is_busy=is_busy), 3)


def test_what_comes_after_a_pause_is_cut_almost_at_once(clock: Clock) -> None:
    pace = Pace(0.15, clock)
    clock.now += 10

    assert left(pace, clock.now) == 0.02
    clock.now += 0.02
    assert left(pace, clock.now - 0.02) == 0


def test_in_a_stream_the_shortest_time_lies_between_two_cuts(clock: Clock) -> None:
    pace = Pace(0.15, clock)
    pace.note_cut()
    clock.now += 0.01
    pace.note_loaded()

    assert left(pace, clock.now) == 0.14


def test_dear_inserts_come_less_often_up_to_a_limit(clock: Clock) -> None:
    waits = []
    for took_s in (0.06, 0.1, 5.0):
        pace = Pace(0.15, clock)
        pace.note_cut()
        clock.now += took_s
        pace.note_loaded()
        pace.note_cut()
        waits.append(left(pace, clock.now))

    assert waits == [0.3, 0.5, 0.6]


def test_a_busy_store_gets_larger_segments(clock: Clock) -> None:
    pace = Pace(0.15, clock)
    pace.note_cut()

    assert left(pace, clock.now, is_busy=True) == 1.5


def test_without_a_shortest_time_every_group_is_cut(clock: Clock) -> None:
    assert left(Pace(0.0, clock), clock.now) == 0
