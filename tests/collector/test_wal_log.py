from __future__ import annotations

import asyncio
import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest

from stepsight_collector.errors import StorageError, WalFullError
from stepsight_collector.wal import Entry, SegmentInfo, Wal, WalLimits, WalUsage, read_entries

if TYPE_CHECKING:
    from pathlib import Path

NEVER_CUT = WalLimits(max_age_s=3600.0)


def entry(text: str = "request", *, nested: bool = False) -> Entry:
    return Entry(text.encode(), 1_700_000_000_000_000_000, client="t", nested=nested, records=1)


async def write(
    directory: Path, *entries: Entry, limits: WalLimits = NEVER_CUT
) -> list[SegmentInfo]:
    """Write entries to the logs, close, return what was sealed."""
    sealed: list[SegmentInfo] = []
    wal = Wal(directory, limits)
    await wal.start(sealed.append)
    for each in entries:
        await wal.append("logs", each)
    await wal.close()
    return sealed


def contents(segments: list[SegmentInfo]) -> list[str]:
    return [each.request.decode() for one in segments for each in read_entries(one.path)]


def test_what_was_acknowledged_is_in_a_sealed_segment_after_close(tmp_path: Path) -> None:
    [sealed] = asyncio.run(write(tmp_path, entry("a"), entry("b", nested=True), entry("c")))

    assert contents([sealed]) == ["a", "b", "c"]
    assert (sealed.records, sealed.nested, sealed.first_received_unix_nano) == (
        3,
        True,
        1_700_000_000_000_000_000,
    )
    assert sealed.size_bytes == sealed.path.stat().st_size


def test_entries_that_wait_together_share_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, synced = threading.Event(), list[int]()

    def sync(descriptor: int) -> None:
        held.wait(10)
        synced.append(descriptor)

    async def scenario() -> None:
        wal = Wal(tmp_path, NEVER_CUT)
        await wal.start(lambda _: None)
        monkeypatch.setattr("stepsight_collector.wal.open_segment._sync", sync)
        futures = [wal.append("logs", entry(str(number))) for number in range(100)]
        held.set()
        await asyncio.gather(*futures)
        await wal.close()

    asyncio.run(scenario())

    assert 1 <= len(synced) <= 2  # the writer may have started with the first one alone


@pytest.mark.parametrize(
    "limits",
    [
        WalLimits(max_age_s=3600, max_segment_bytes=1),
        WalLimits(max_age_s=3600, max_segment_records=1),
        WalLimits(max_age_s=0),
    ],
)
def test_a_segment_is_cut_at_its_size_its_records_or_its_age(
    tmp_path: Path, limits: WalLimits
) -> None:
    sealed = asyncio.run(write(tmp_path, entry("a"), entry("b"), limits=limits))

    assert [contents([one]) for one in sealed] == [["a"], ["b"]]


def test_a_segment_is_cut_by_age_although_nothing_more_arrives(tmp_path: Path) -> None:
    async def scenario() -> None:
        cut: asyncio.Queue[SegmentInfo] = asyncio.Queue()
        wal = Wal(tmp_path, WalLimits(max_age_s=0.01))
        await wal.start(cut.put_nowait)
        await wal.append("traces", entry())
        segment = await asyncio.wait_for(cut.get(), 10)
        await wal.close()

        assert (segment.signal, contents([segment])) == ("traces", ["request"])

    asyncio.run(scenario())


def test_a_restart_hands_out_what_was_not_confirmed_with_the_same_tokens(tmp_path: Path) -> None:
    limits = WalLimits(max_age_s=0)
    first = asyncio.run(write(tmp_path, entry("a"), entry("b"), limits=limits))

    again = asyncio.run(write(tmp_path))

    assert again == first


def test_an_id_is_never_used_again_even_when_all_segments_are_gone(tmp_path: Path) -> None:
    tokens = []
    for _ in range(3):
        [segment] = asyncio.run(write(tmp_path, entry()))
        tokens.append(segment.token)
        segment.path.unlink()

    assert len(set(tokens)) == 3


def test_without_its_id_file_a_log_gets_another_origin(tmp_path: Path) -> None:
    [first] = asyncio.run(write(tmp_path, entry()))
    first.path.unlink()
    (tmp_path / "logs" / "next").unlink()

    [second] = asyncio.run(write(tmp_path, entry()))

    assert second.id == first.id
    assert second.token != first.token


def test_an_unreadable_id_file_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "next").write_text("what")

    with pytest.raises(StorageError, match='should hold an origin and a number, found "what"'):
        asyncio.run(write(tmp_path))


def test_a_torn_tail_is_set_aside_not_deleted(tmp_path: Path) -> None:
    [segment] = asyncio.run(write(tmp_path, entry("a"), entry("b")))
    data = segment.path.read_bytes()
    segment.path.write_bytes(data[:-3])

    recovered = asyncio.run(write(tmp_path))

    assert contents(recovered) == ["a"]
    assert segment.path.read_bytes() + segment.path.with_suffix(".torn").read_bytes() == data[:-3]


def test_the_rest_after_a_harmed_record_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [segment] = asyncio.run(write(tmp_path, entry("a"), entry("b"), entry("c")))
    data = bytearray(segment.path.read_bytes())
    data[len(data) // 2] ^= 1
    segment.path.write_bytes(data)

    recovered = asyncio.run(write(tmp_path))

    assert contents(recovered) == ["a"]
    assert "checksum does not match" in caplog.text


def test_an_empty_segment_of_a_crash_is_removed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "0000000000000007.wal").touch()

    assert asyncio.run(write(tmp_path)) == []
    assert list((tmp_path / "logs").glob("*.wal")) == []


def test_files_of_other_names_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "copy.wal").write_text("mine")

    assert asyncio.run(write(tmp_path)) == []
    assert (tmp_path / "logs" / "copy.wal").read_text() == "mine"


def test_over_the_quota_requests_are_refused_until_segments_are_confirmed(tmp_path: Path) -> None:
    async def scenario() -> None:
        cut: asyncio.Queue[SegmentInfo] = asyncio.Queue()
        wal = Wal(tmp_path, WalLimits(max_age_s=0, quota_bytes=300))
        await wal.start(cut.put_nowait)
        await wal.append("logs", entry("x" * 150))

        with pytest.raises(WalFullError, match="its quota is 300"):
            wal.append("logs", entry("x" * 150))
        wal.confirm(await cut.get())
        await wal.append("logs", entry("x" * 150))
        wal.confirm(await cut.get())
        await wal.close()

        assert wal.usage() == WalUsage(0, 0, 0.0)

    asyncio.run(scenario())


@pytest.mark.parametrize("call", ["os.writev", "stepsight_collector.wal.open_segment._sync"])
def test_a_failed_write_keeps_nothing_and_the_log_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def scenario() -> list[SegmentInfo]:
        sealed: list[SegmentInfo] = []
        wal = Wal(tmp_path, NEVER_CUT)
        await wal.start(sealed.append)
        await wal.append("logs", entry("before"))
        with monkeypatch.context() as broken:
            broken.setattr(call, fail)
            with pytest.raises(StorageError, match="No space left on device"):
                await wal.append("logs", entry("lost"))
            assert "No space left" in str(wal.why_not_ready())
        await wal.append("logs", entry("after"))
        assert wal.why_not_ready() is None
        await wal.close()
        assert wal.usage().bytes == sum(one.size_bytes for one in sealed)
        return sealed

    assert contents(asyncio.run(scenario())) == ["before", "after"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.writev
    monkeypatch.setattr(
        "os.writev", lambda descriptor, parts: whole(descriptor, [bytes(parts[0])[:7]])
    )

    sealed = asyncio.run(write(tmp_path, entry("a" * 100), entry("b" * 100)))

    assert contents(sealed) == ["a" * 100, "b" * 100]


def test_a_closed_log_refuses_entries(tmp_path: Path) -> None:
    async def scenario() -> None:
        wal = Wal(tmp_path)
        assert wal.why_not_ready() == "the write-ahead log is not open"
        with pytest.raises(StorageError):
            wal.append("logs", entry())
        await wal.start(lambda _: None)
        await wal.close()
        with pytest.raises(StorageError):
            wal.append("logs", entry())

    asyncio.run(scenario())


def test_acknowledgements_wait_for_a_store_that_is_behind_until_it_has_a_segment(
    tmp_path: Path,
) -> None:
    limits = WalLimits(max_segment_records=1, backlog_bytes=200, max_hold_s=3600.0)

    async def scenario() -> tuple[list[bool], bool]:
        sealed: asyncio.Queue[SegmentInfo] = asyncio.Queue()
        wal = Wal(tmp_path, limits)
        await wal.start(sealed.put_nowait)
        await wal.append("logs", entry("x" * 100))
        waiting = wal.append("logs", entry("y" * 100))
        segments = [await sealed.get() for _ in range(2)]  # so both are durable
        states = [waiting.done()]
        await asyncio.to_thread(wal.confirm, segments[0])
        await waiting
        states.append(waiting.done())
        held = wal.append("logs", entry("z" * 100))
        await sealed.get()
        await wal.close()
        return states, held.done()

    assert asyncio.run(scenario()) == ([False, True], True)


def test_a_store_that_is_away_delays_an_acknowledgement_only_so_long(tmp_path: Path) -> None:
    limits = WalLimits(max_age_s=3600.0, backlog_bytes=0, max_hold_s=0.01)

    # Nothing is ever confirmed here: it is the end of the hold that lets each entry through.
    sealed = asyncio.run(write(tmp_path, entry("a"), entry("b"), limits=limits))

    assert contents(sealed) == ["a", "b"]


def test_a_failed_write_is_reported_at_once_while_the_store_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = WalLimits(max_age_s=3600.0, backlog_bytes=0, max_hold_s=3600.0)

    async def scenario() -> None:
        wal = Wal(tmp_path, limits)
        await wal.start(lambda _: None)
        monkeypatch.setattr(os, "writev", _no_space)
        with pytest.raises(StorageError):
            await wal.append("logs", entry())
        await wal.close()

    asyncio.run(scenario())


def _no_space(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")
