from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from stepsight._exceptions import MAX_CHAIN, MAX_FRAMES, exception_attributes


def attributes_of(function: Any) -> dict[str, str]:
    try:
        function()
    except BaseException as exc:  # noqa: BLE001 - whatever a test raises
        return exception_attributes(type(exc), exc, exc.__traceback__)
    raise AssertionError("nothing was raised")


def details(function: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(attributes_of(function)["stepsight.exception.details"])
    return found


def chain(function: Any) -> list[tuple[int, int, str, str]]:
    return [
        (one["id"], one["outerId"], one["typeName"], one["message"]) for one in details(function)
    ]


def broken() -> None:
    {}["a"]  # type: ignore[index]


def translated() -> None:
    try:
        broken()
    except KeyError as exc:
        raise ValueError("no a") from exc


def test_opentelemetrys_three_attributes_are_there() -> None:
    found = attributes_of(broken)

    assert (found["exception.type"], found["exception.message"]) == ("KeyError", "'a'")
    assert found["exception.stacktrace"].startswith("Traceback (most recent call last):\n")
    assert found["exception.stacktrace"].endswith("KeyError: 'a'\n")


def test_a_cause_comes_behind_what_it_caused() -> None:
    assert chain(translated) == [(1, 0, "ValueError", "no a"), (2, 1, "KeyError", "'a'")]


def test_an_exception_while_handling_another_has_it_as_cause() -> None:
    def clumsy() -> None:
        try:
            broken()
        except KeyError:
            raise TypeError("worse")  # noqa: B904 - the point of the test

    assert [one[2] for one in chain(clumsy)] == ["TypeError", "KeyError"]


def test_a_cause_that_is_hidden_stays_hidden() -> None:
    def quiet() -> None:
        try:
            broken()
        except KeyError:
            raise TypeError("clean") from None

    assert [one[2] for one in chain(quiet)] == ["TypeError"]


def test_frames_begin_where_it_was_raised() -> None:
    [_, cause] = details(translated)

    assert [(frame["level"], frame["method"]) for frame in cause["parsedStack"]] == [
        (0, "broken"),
        (1, "translated"),
    ]
    assert cause["parsedStack"][0]["fileName"] == __file__
    assert cause["hasFullStack"] is True


def test_deep_stacks_and_long_chains_are_cut() -> None:
    def deep(levels: int) -> None:
        if levels == 0:
            raise RuntimeError("deep")
        deep(levels - 1)

    def long_chain() -> None:
        error: Exception | None = None
        for number in range(30):
            following = RuntimeError(str(number))
            following.__cause__ = error
            error = following
        assert error is not None
        raise error

    [one] = details(lambda: deep(300))
    assert (len(one["parsedStack"]), one["hasFullStack"]) == (MAX_FRAMES, False)
    assert one["parsedStack"][0]["method"] == "deep"
    assert len(chain(long_chain)) == MAX_CHAIN


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_members_of_a_group_are_its_causes() -> None:
    def group() -> None:
        raise ExceptionGroup("two", [ValueError("a"), OSError("b")])  # noqa: F821 - Python 3.11

    assert chain(group) == [
        (1, 0, "ExceptionGroup", "two (2 sub-exceptions)"),
        (2, 1, "ValueError", "a"),
        (3, 1, "OSError", "b"),
    ]


def test_an_exception_whose_text_fails_is_recorded() -> None:
    class Mute(Exception):  # noqa: N818 - a user's class
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def raise_it() -> None:
        raise Mute

    assert attributes_of(raise_it)["exception.message"] == "<exception str() failed>"
