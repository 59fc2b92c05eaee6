"""The quick way of entries to the open segment; what it shares with the other: test_wal_log."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

import native_calls
from stepsight_collector.errors import StorageError
from stepsight_collector.native.appender import is_there
from stepsight_collector.wal import (
    Entry,
    SegmentInfo,
    Wal,
    WalLimits,
    encode_entry,
    read_entries,
    read_segment,
)
from stepsight_collector.wal.lane import Lane, make_lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not is_there(), reason="the native library was not built")
NEVER_CUT = WalLimits(max_age_s=3600.0)


def entry(text: str) -> Entry:
    return Entry(text.encode(), 1_700_000_000_000_000_000, client="t", records=1)


@dataclass
class Disk:
    """Syncs one after the other, when they are let; each may fail."""

    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    let: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    errors: list[int] = field(default_factory=list)
    by_writer: list[bool] = field(default_factory=list)  # else by the native thread

    def sync(self, _descriptor: int) -> None:
        self.by_writer.append(threading.current_thread().name == "wal-logs")
        self.arrived.release()
        self.let.acquire(timeout=10)
        number = self.errors.pop(0) if self.errors else 0
        if number:
            raise OSError(number, os.strerror(number))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr("stepsight_collector.wal.open_segment._sync", disk.sync)
    with native_calls.through_os():
        yield disk


async def opened(directory: Path, sealed: Callable[[SegmentInfo], None], disk: Disk) -> Wal:
    """A log whose lane takes the next entry."""
    wal = Wal(directory, NEVER_CUT)
    await wal.start(sealed)
    disk.let.release()
    await wal.append("logs", entry("first"))
    disk.arrived.acquire()
    await until(lambda: lane_of(wal).is_open)
    return wal


def lane_of(wal: Wal) -> Lane:
    return wal._lanes["logs"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - another thread makes it true
            await asyncio.sleep(0)


def contents(segments: list[SegmentInfo]) -> list[str]:
    return [each.request.decode() for one in segments for each in read_entries(one.path)]


def test_a_lane_writes_what_the_other_way_writes(tmp_path: Path) -> None:
    entries = [
        Entry(b"", 0, "", "", nested=False, records=0),
        Entry(b"x" * 127, 2**63, "default", "a client/1", nested=True, records=127),
        Entry(bytes(range(256)) * 300, 2**64 - 1, "ü" * 200, "€" * 256, records=1_000_000),
    ]
    lane = make_lane()
    assert lane is not None
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)

    lane.begin(descriptor, 1 << 30, 1 << 30)
    for each in entries:
        lane._appender.add(each)
    appended = lane.stop()
    lane.close()
    os.close(descriptor)

    written = b"".join(b"".join(encode_entry(each)) for each in entries)
    assert read_segment(tmp_path / "file") == written
    assert (appended.entries, appended.bytes) == (3, len(written))
    assert (appended.records, appended.nested, appended.error) == (1_000_127, 1, 0)


def test_entries_that_come_during_a_sync_share_the_next_one(tmp_path: Path, disk: Disk) -> None:
    async def scenario() -> None:
        wal = await opened(tmp_path, lambda _: None, disk)
        futures = [wal.append("logs", entry("a"))]
        await asyncio.to_thread(disk.arrived.acquire)
        futures += [wal.append("logs", entry(str(number))) for number in range(100)]
        disk.let.release(2)
        await asyncio.gather(*futures)
        assert disk.arrived.acquire()
        assert not disk.arrived.acquire(blocking=False)
        await wal.close()

    asyncio.run(scenario())


def test_who_came_while_a_segment_was_begun_goes_through_the_lane(
    tmp_path: Path, disk: Disk
) -> None:
    async def scenario() -> None:
        wal = Wal(tmp_path, NEVER_CUT)
        await wal.start(lambda _: None)
        futures = [wal.append("logs", entry("first"))]
        await asyncio.to_thread(disk.arrived.acquire)
        futures += [wal.append("logs", entry("a")), wal.append("logs", entry("b"))]
        disk.let.release(3)
        await asyncio.gather(*futures)
        await wal.close()

    asyncio.run(scenario())

    assert disk.by_writer in ([True, False], [True, False, False])


def test_of_a_failed_group_nothing_is_kept_and_who_came_after_it_is(
    tmp_path: Path, disk: Disk
) -> None:
    sealed: list[SegmentInfo] = []

    async def scenario() -> list[BaseException | None]:
        wal = await opened(tmp_path, sealed.append, disk)
        durable = wal.append("logs", entry("durable"))
        await asyncio.to_thread(disk.arrived.acquire)
        lost = [wal.append("logs", entry("lost")), wal.append("logs", entry("lost, too"))]
        disk.let.release()
        await asyncio.to_thread(disk.arrived.acquire)
        behind = wal.append("logs", entry("behind"))
        disk.errors.append(errno.EIO)
        disk.let.release(2)
        results = await asyncio.gather(durable, *lost, behind, return_exceptions=True)
        assert wal.why_not_ready() is None
        await wal.close()
        assert wal.usage().bytes == sum(one.size_bytes for one in sealed)
        return results

    durable, lost, lost_too, behind = asyncio.run(scenario())

    assert (durable, behind) == (None, None)
    assert "Input/output error" in str(lost)
    assert isinstance(lost, StorageError)
    assert lost is lost_too
    assert contents(sealed) == ["first", "durable", "behind"]


@pytest.mark.parametrize("number", [0, errno.ENOSPC])
def test_a_log_that_closes_tells_what_became_of_everything(
    tmp_path: Path, disk: Disk, number: int
) -> None:
    sealed: list[SegmentInfo] = []

    async def scenario() -> list[object]:
        wal = await opened(tmp_path, sealed.append, disk)
        first = wal.append("logs", entry("a"))
        await asyncio.to_thread(disk.arrived.acquire)
        behind = wal.append("logs", entry("b"))
        closing = asyncio.create_task(wal.close())
        disk.errors.append(number)
        disk.let.release(2)
        await closing
        assert first.done()
        assert behind.done()
        assert wal.usage().bytes == sum(one.size_bytes for one in sealed)
        return [first.exception(), behind.exception()]

    failed, other = asyncio.run(scenario())

    assert isinstance(failed, StorageError) == bool(number)
    assert other is None
    assert contents(sealed) == (["first", "b"] if number else ["first", "a", "b"])


def test_without_a_repair_nothing_more_goes_through_the_lane(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[SegmentInfo] = []

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def scenario() -> None:
        wal = await opened(tmp_path, sealed.append, disk)
        with monkeypatch.context() as broken:
            broken.setattr("os.ftruncate", fail)
            disk.errors.append(errno.EIO)
            disk.let.release()
            with pytest.raises(StorageError):
                await wal.append("logs", entry("lost"))
            assert not lane_of(wal).is_open
            with pytest.raises(StorageError):
                await wal.append("logs", entry("lost, too"))
        disk.let.release()
        await wal.append("logs", entry("later"))
        await wal.close()

    asyncio.run(scenario())

    assert contents(sealed) == ["first", "later"]


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize(
    "limits",
    [
        WalLimits(max_age_s=3600, max_segment_bytes=210),
        WalLimits(max_age_s=3600, max_segment_records=3),
    ],
)
def test_a_lane_that_is_full_has_its_segment_cut_although_nothing_more_arrives(
    tmp_path: Path, disk: Disk, limits: WalLimits, *, is_open: bool
) -> None:
    async def scenario() -> None:
        cut: asyncio.Queue[SegmentInfo] = asyncio.Queue()
        wal = Wal(tmp_path, limits)
        await wal.start(cut.put_nowait)
        first = wal.append("logs", entry("x" * 40))
        await asyncio.to_thread(disk.arrived.acquire)
        if is_open:  # else the others come while the segment is begun
            disk.let.release()
            await first
            await until(lambda: lane_of(wal).is_open)
        others = [wal.append("logs", entry("x" * 40)) for _ in range(2)]
        disk.let.release(3)
        await asyncio.gather(first, *others)
        segment = await asyncio.wait_for(cut.get(), 10)
        assert segment.records == 3
        await wal.close()

    asyncio.run(scenario())
