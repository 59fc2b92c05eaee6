from __future__ import annotations

import asyncio
import gzip
import os
import random
import zlib
from typing import TYPE_CHECKING

import pytest
from backports import zstd

from stepsight_collector.errors import (
    BusyError,
    MalformedError,
    QuotaError,
    TooLargeError,
    UnsupportedError,
)
from stepsight_collector.receivers.budget import MemoryBudget
from stepsight_collector.receivers.compression import decompress
from stepsight_collector.receivers.quota import Quota, Quotas
from stepsight_collector.receivers.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_quota_lets_a_burst_in_and_then_its_rate() -> None:
    clock = Clock()
    quotas = Quotas(Quota(bytes_per_s=100), clock=clock)
    for _ in range(10):
        quotas.check("a")
        quotas.take("a", 100, 1)

    quotas.check("a")  # the burst is used up, nothing is owed
    quotas.take("a", 250, 1)
    with pytest.raises(QuotaError, match=r'"a" may send 100 bytes a second .* in 3 s') as caught:
        quotas.check("a")
    assert caught.value.retry_after_s == 3

    clock.now += 2.4
    with pytest.raises(QuotaError) as caught:
        quotas.check("a")
    assert caught.value.retry_after_s == 1
    clock.now += 0.1
    quotas.check("a")


def test_a_long_pause_saves_up_no_more_than_one_burst() -> None:
    clock = Clock()
    quotas = Quotas(Quota(bytes_per_s=100), clock=clock)
    quotas.check("a")

    clock.now += 3_600
    quotas.check("a")
    quotas.take("a", 1_001, 1)

    with pytest.raises(QuotaError):
        quotas.check("a")


def test_a_quota_is_each_projects_own_and_counts_records_too() -> None:
    quotas = Quotas(Quota(), {"a": Quota(records_per_s=1)}, clock=Clock())

    quotas.take("a", 1, 1_000)
    quotas.take("b", 1 << 40, 1 << 40)

    with pytest.raises(QuotaError, match="1 records a second"):
        quotas.check("a")
    quotas.check("b")


def test_a_changed_quota_holds_at_once_and_an_unchanged_debt_stays() -> None:
    quotas = Quotas(Quota(), {"a": Quota(1), "b": Quota(1)}, clock=Clock())
    quotas.take("a", 1_000, 1)
    quotas.take("b", 1_000, 1)

    quotas.replace({"a": Quota(1), "b": Quota(2)})

    with pytest.raises(QuotaError):
        quotas.check("a")
    quotas.check("b")


def test_memory_is_taken_at_once_only_if_nobody_of_the_project_waits() -> None:
    async def scenario() -> list[bool]:
        budget = MemoryBudget(1_000)
        first = budget.reserve_now("a", 700)
        assert first is not None
        waiting = asyncio.create_task(budget.reserve("a", 700, 5))
        await asyncio.sleep(0)
        got = [budget.reserve_now(project, 1) is not None for project in ("a", "b")]
        first.release()
        first.release()
        (await waiting).release()
        return [*got, budget.used_bytes == 1]

    assert asyncio.run(scenario()) == [False, True, True]


def test_memory_is_taken_and_given_back() -> None:
    async def scenario() -> list[int]:
        budget = MemoryBudget(1_000)
        with await budget.reserve("a", 300) as hold:
            hold.grow(200)
            used = [budget.used_bytes]
            hold.shrink(400)
            used.append(budget.used_bytes)
        return [*used, budget.used_bytes]

    assert asyncio.run(scenario()) == [500, 100, 0]


def test_who_finds_no_memory_is_busy_and_who_never_will_is_too_large() -> None:
    async def scenario() -> None:
        budget = MemoryBudget(1_000)
        with pytest.raises(TooLargeError, match="would take 751 bytes of memory, one may take 750"):
            await budget.reserve("a", 751)
        with await budget.reserve("a", 700) as hold:
            with pytest.raises(BusyError) as caught:
                await budget.reserve("a", 100, 0.01)
            with pytest.raises(TooLargeError):
                hold.grow(100)
            assert caught.value.retry_after_s == 1
        assert budget.used_bytes == 0

    asyncio.run(scenario())


def test_a_quarter_is_left_for_others_who_hold_less() -> None:
    async def scenario() -> None:
        budget = MemoryBudget(1_000)
        with await budget.reserve("flood", 700):
            with pytest.raises(BusyError):
                await budget.reserve("flood", 100)
            with await budget.reserve("small", 250), pytest.raises(BusyError):
                await budget.reserve("third", 100)

    asyncio.run(scenario())


def test_those_who_wait_for_memory_are_served_in_turn_by_project() -> None:
    async def scenario() -> list[str]:
        budget = MemoryBudget(1_000)
        served: list[str] = []
        first = await budget.reserve("flood", 700)

        async def ask(project: str) -> None:
            with await budget.reserve(project, 700, 5):
                served.append(project)

        async with asyncio.TaskGroup() as group:
            for project in ("flood", "flood", "flood", "small"):
                group.create_task(ask(project))
            await asyncio.sleep(0)
            first.shrink(700)
        assert budget.used_bytes == 0
        return served

    assert asyncio.run(scenario()) == ["flood", "small", "flood", "flood"]


@pytest.mark.parametrize("seed", range(5))
def test_whoever_gives_up_while_waiting_takes_nothing_with_them(seed: int) -> None:
    async def scenario() -> int:
        budget, chance = MemoryBudget(1_000), random.Random(seed)  # noqa: S311 - chance that can be repeated

        async def ask() -> None:
            try:
                with await budget.reserve(chance.choice("abc"), chance.randrange(1, 700), 0.002):
                    await asyncio.sleep(chance.random() / 500)
            except BusyError:
                pass

        tasks = [asyncio.create_task(ask()) for _ in range(200)]
        await asyncio.sleep(0.001)
        for task in chance.sample(tasks, 80):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return budget.used_bytes

    assert asyncio.run(scenario()) == 0


def test_turns_go_round_the_projects_however_long_ones_queue_is() -> None:
    async def scenario() -> list[str]:
        turns, served = Turns(at_once=1), list[str]()

        async def work(project: str) -> None:
            async with turns.turn(project):
                served.append(project)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for project in ("flood", "flood", "flood", "flood", "small", "small"):
                group.create_task(work(project))
        return served

    assert asyncio.run(scenario()) == ["flood", "flood", "small", "flood", "small", "flood"]


def test_a_turn_is_passed_on_when_who_has_it_goes_away() -> None:
    async def scenario() -> None:
        turns = Turns(at_once=1)
        async with turns.turn("a"):
            waiting = asyncio.create_task(turns.turn("b").__aenter__())
            await asyncio.sleep(0)
        waiting.cancel()  # in the moment in which it was its turn
        await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(5), turns.turn("c"):
            pass

    asyncio.run(scenario())


COMPRESSORS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("zstd", zstd.compress),
]


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSORS)
@pytest.mark.parametrize("size", [0, 1, 70_000, 5 * MIB])
def test_decompression_asks_for_all_memory_before_it_takes_it(
    encoding: str, compress: Callable[[bytes], bytes], size: int
) -> None:
    asked: list[int] = []
    data = os.urandom(size // 2) + bytes(size - size // 2)

    assert decompress(compress(data), encoding, 10 * MIB, asked.append) == data

    assert sum(asked) >= size


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSORS)
def test_a_bomb_stops_where_the_memory_ends(
    encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    asked: list[int] = []

    def grow(size: int) -> None:
        if sum(asked) + size > MIB:
            raise BusyError("no room")
        asked.append(size)

    with pytest.raises(BusyError):
        decompress(compress(bytes(64 * MIB)), encoding, 64 * MIB, grow)
    with pytest.raises(TooLargeError):
        decompress(compress(bytes(64 * MIB)), encoding, MIB)


def test_many_members_are_one_body_and_too_many_are_refused() -> None:
    member = gzip.compress(b"x")

    assert decompress(member * 9_000, "gzip", MIB) == b"x" * 9_000
    with pytest.raises(MalformedError, match="over 10000 members"):
        decompress(member * 10_001, "gzip", MIB)


def test_encodings_are_undone_in_order_and_not_without_end() -> None:
    twice = gzip.compress(zlib.compress(b"hello"))

    assert decompress(twice, "deflate, gzip", MIB) == b"hello"
    with pytest.raises(UnsupportedError, match="5 times over"):
        decompress(twice, "gzip,gzip,gzip,gzip,gzip", MIB)


def test_a_zstd_window_over_8_mib_is_refused() -> None:
    options = {int(zstd.CompressionParameter.window_log): 24}
    body = zstd.compress(os.urandom(9 * MIB) * 2, options=options)

    with pytest.raises(MalformedError, match="not zstd"):
        decompress(body, "zstd", 64 * MIB)


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSORS)
def test_a_body_cut_anywhere_is_malformed(
    encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    whole = compress(b"some text " * 20)
    for end in range(1, len(whole)):
        with pytest.raises(MalformedError):
            decompress(whole[:end], encoding, MIB)
