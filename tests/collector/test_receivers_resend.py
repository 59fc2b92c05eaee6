from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Self

import pytest

from stepsight_collector.errors import StorageError
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers.check import REQUEST_TYPES
from stepsight_collector.receivers.ingest import Ingest
from stepsight_collector.receivers.resend import Resends, carries_times
from stepsight_collector.wal import Entry, Signal, Wal, read_entries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FINE, COARSE = 1_790_000_000_123_456_789, 1_790_000_000_000_000_000


def logs(*times: int, field: str = "time_unix_nano") -> bytes:
    request: Any = REQUEST_TYPES["logs"]()
    records = request.resource_logs.add().scope_logs.add().log_records
    for each in times:
        setattr(records.add(), field, each)
    return bytes(request.SerializeToString())


def spans(*starts: int) -> bytes:
    request: Any = REQUEST_TYPES["traces"]()
    for each in starts:
        request.resource_spans.add().scope_spans.add().spans.add(start_time_unix_nano=each)
    return bytes(request.SerializeToString())


def points(*times: int, kind: str = "gauge") -> bytes:
    request: Any = REQUEST_TYPES["metrics"]()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    for each in times:
        getattr(metric, kind).data_points.add(time_unix_nano=each)
    return bytes(request.SerializeToString())


@pytest.mark.parametrize(
    ("signal", "body", "expected"),
    [
        ("logs", logs(FINE, FINE), True),
        ("logs", logs(FINE, 0), False),
        ("logs", logs(COARSE), False),
        ("logs", logs(FINE, field="observed_time_unix_nano"), True),
        ("traces", spans(COARSE, FINE), True),
        ("traces", spans(FINE, 0), False),
        ("metrics", points(COARSE), True),
        ("metrics", points(FINE, 0, kind="summary"), False),
        ("metrics", points(FINE, kind="exponential_histogram"), True),
    ],
)
def test_only_records_with_times_can_be_known_again(
    signal: Signal, body: bytes, expected: bool
) -> None:
    assert carries_times(signal, body) is expected


class Door:
    """An open door over a real log."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.directory = directory
        self.wal = Wal(directory)
        self.metrics = Metrics()
        self.resends = Resends(600, 1000, clock)
        self.ingest = Ingest(self.wal, self.metrics, 10_000, resends=self.resends)

    async def __aenter__(self) -> Self:
        await self.wal.start(lambda _: None, self.resends.remember)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.wal.close()
        self.ingest.close()

    def stored(self) -> list[Entry]:
        files = sorted(self.directory.glob("*/*.wal"))
        return [entry for file in files for entry in read_entries(file)]


def test_a_request_that_is_sent_again_is_acknowledged_and_kept_once(tmp_path: Path) -> None:
    async def scenario() -> Door:
        async with Door(tmp_path) as door:
            for _ in range(3):
                await door.ingest.accept("logs", logs(FINE))
            return door

    door = asyncio.run(scenario())

    counters = door.metrics.signals["logs"]
    assert len(door.stored()) == 1
    assert (counters.received_requests, counters.accepted_requests) == (3, 1)
    assert counters.resent_requests == 2


def test_the_same_bytes_of_another_project_or_without_times_are_kept_again(tmp_path: Path) -> None:
    async def scenario() -> Door:
        async with Door(tmp_path) as door:
            for project in ("a", "b", "a"):
                await door.ingest.accept("logs", logs(FINE), project=project)
            for _ in range(2):
                await door.ingest.accept("logs", logs(0))
            return door

    door = asyncio.run(scenario())

    assert [entry.project for entry in door.stored()] == ["a", "b", "default", "default"]


def test_a_request_that_comes_again_while_it_is_written_waits_for_the_same_write(
    tmp_path: Path,
) -> None:
    async def scenario() -> Door:
        async with Door(tmp_path) as door:
            await asyncio.gather(*(door.ingest.accept("logs", logs(FINE)) for _ in range(20)))
            return door

    door = asyncio.run(scenario())

    assert len(door.stored()) == 1
    assert door.metrics.signals["logs"].resent_requests == 19


def test_a_request_whose_write_failed_is_kept_when_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async def scenario() -> Door:
        async with Door(tmp_path) as door:
            with monkeypatch.context() as broken:
                broken.setattr("os.writev", fail)
                sent = (door.ingest.accept("logs", logs(FINE)) for _ in range(2))
                results = await asyncio.gather(*sent, return_exceptions=True)
                assert [type(each) for each in results] == [StorageError, StorageError]
            await door.ingest.accept("logs", logs(FINE))
            return door

    assert len(asyncio.run(scenario()).stored()) == 1


def test_a_sender_that_gave_up_while_its_request_was_written_does_not_double_it(
    tmp_path: Path,
) -> None:
    async def scenario() -> Door:
        async with Door(tmp_path) as door:
            first = asyncio.create_task(door.ingest.accept("logs", logs(FINE)))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await door.ingest.accept("logs", logs(FINE))
            return door

    assert len(asyncio.run(scenario()).stored()) == 1


def test_after_a_crash_the_window_is_what_the_log_still_holds(tmp_path: Path) -> None:
    async def send() -> Door:
        async with Door(tmp_path) as door:
            await door.ingest.accept("logs", logs(FINE))
            return door

    asyncio.run(send())
    door = asyncio.run(send())

    assert len(door.stored()) == 1
    assert door.metrics.signals["logs"].resent_requests == 1


@pytest.mark.parametrize(("after_s", "expected"), [(299.0, 1), (1201.0, 2)])
def test_the_window_ends(tmp_path: Path, after_s: float, expected: int) -> None:
    now = 0.0

    async def scenario() -> Door:
        nonlocal now
        async with Door(tmp_path, lambda: now) as door:
            await door.ingest.accept("logs", logs(FINE))
            now += after_s
            await door.ingest.accept("logs", logs(FINE))
            return door

    assert len(asyncio.run(scenario()).stored()) == expected


def test_the_window_holds_half_of_its_requests_at_least_and_all_at_most() -> None:
    resends = Resends(600, 100)
    for number in range(1000):
        resends.remember("logs", Entry(b"%d" % number, 1))

    keys = [resends._key("logs", "default", b"%d" % number) for number in range(1000)]
    known = [number for number, key in enumerate(keys) if resends._knows(key)]

    assert known == list(range(1000 - len(known), 1000))
    assert 50 <= len(known) <= 100
