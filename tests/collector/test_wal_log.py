from __future__ import annotations

import asyncio
import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest

import native_calls
from stepsight_collector.errors import StorageError, WalFullError
from stepsight_collector.wal import (
    Entry,
    SegmentInfo,
    Wal,
    WalLimits,
    WalUsage,
    encode_entry,
    read_entries,
    repair_segment,
)
from stepsight_collector.wal.ids import SegmentIds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEVER_CUT = WalLimits(max_age_s=3600.0)


@pytest.fixture(params=["lane", "thread"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test twice: with the native library, and as it is without."""
    if request.param == "thread":
        monkeypatch.setattr("stepsight_collector.wal.lane.is_there", lambda: False)
    with native_calls.through_os():
        yield


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


@pytest.mark.parametrize("harm", [b"what", b"", b"3fa9c04b7d12 4097\n", b"\xff\xfe 1 2\n"])
def test_a_harmed_id_file_is_set_aside_and_segments_keep_their_tokens(
    tmp_path: Path, harm: bytes
) -> None:
    [first] = asyncio.run(write(tmp_path, entry()))
    (tmp_path / "logs" / "next").write_bytes(harm)

    again, second = asyncio.run(write(tmp_path, entry("later")))

    assert again == first
    assert second.id > first.id
    assert second.token.split("-")[1] != first.token.split("-")[1]
    assert (tmp_path / "logs" / "next.harmed").read_bytes() == harm


def test_no_flipped_bit_in_the_id_file_brings_a_used_id_back(tmp_path: Path) -> None:
    [first] = asyncio.run(write(tmp_path, entry()))
    first.path.unlink()
    file = tmp_path / "logs" / "next"
    good = file.read_bytes()
    for bit in range(len(good) * 8):
        harmed = bytearray(good)
        harmed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(harmed)

        ids = SegmentIds(tmp_path / "logs")

        assert ids.origin != first.token.split("-")[1], bit


def test_a_log_opens_although_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = asyncio.run(write(tmp_path, entry("a")))

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.writev", fail)

    assert asyncio.run(write(tmp_path)) == [first]


def test_a_torn_tail_is_set_aside_not_deleted(tmp_path: Path) -> None:
    [segment] = asyncio.run(write(tmp_path, entry("a"), entry("b")))
    data = segment.path.read_bytes()
    segment.path.write_bytes(data[:-3])

    recovered = asyncio.run(write(tmp_path))

    [torn] = (tmp_path / "logs").glob("*.torn")
    assert contents(recovered) == ["a"]
    assert segment.path.read_bytes() + torn.read_bytes() == data[:-3]
    assert torn.name == f"{segment.path.stem}.{segment.path.stat().st_size}.torn"


def test_without_room_to_set_a_torn_tail_aside_the_rest_is_loaded_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [segment] = asyncio.run(write(tmp_path, entry("a"), entry("b")))
    os.truncate(segment.path, segment.size_bytes - 3)

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.writev", fail)
    [recovered] = asyncio.run(write(tmp_path))

    found = list(read_entries(recovered.path, recovered.size_bytes))
    assert [each.request for each in found] == [b"a"]
    assert "cannot be set aside: [Errno 28] No space left on device" in caplog.text


@pytest.mark.parametrize("byte", [0, 3, -1])  # the length, the checksum, the request
def test_only_the_harmed_record_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, byte: int
) -> None:
    [segment] = asyncio.run(write(tmp_path, entry("a"), entry("b"), entry("c")))
    data = bytearray(segment.path.read_bytes())
    size = len(data) // 3
    data[size + byte % size] ^= 1 << 7
    segment.path.write_bytes(data)

    [recovered] = asyncio.run(write(tmp_path))

    # A harmed length says no more where the next record begins.
    kept = ["a"] if byte == 0 else ["a", "c"]
    [torn] = (tmp_path / "logs").glob("*.torn")
    assert contents([recovered]) == kept
    assert (recovered.records, recovered.token) == (len(kept), segment.token)
    assert recovered.size_bytes == recovered.path.stat().st_size == size * len(kept)
    assert torn.read_bytes() == data[size : 3 * size if byte == 0 else 2 * size]
    assert "is torn at byte" in caplog.text


def test_a_later_harm_does_not_overwrite_what_was_set_aside(tmp_path: Path) -> None:
    [segment] = asyncio.run(write(tmp_path, entry("a"), entry("b"), entry("c")))
    size = segment.size_bytes // 3
    for record in (2, 1):
        data = bytearray(segment.path.read_bytes())
        data[record * size + 10] ^= 1
        segment.path.write_bytes(data)
        asyncio.run(write(tmp_path))

    assert sorted(path.stat().st_size for path in (tmp_path / "logs").glob("*.torn")) == [size] * 2


def test_a_segment_that_cannot_be_read_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    limits = WalLimits(max_age_s=0)
    first, second = asyncio.run(write(tmp_path, entry("a"), entry("b"), limits=limits))
    whole = os.open

    def fail(path: str | Path, *rest: int) -> int:
        if path == first.path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return whole(path, *rest)

    monkeypatch.setattr("os.open", fail)
    found = asyncio.run(write(tmp_path))
    monkeypatch.undo()

    assert found == [second]
    assert f"{first.path} is left for the next start: [Errno 5]" in caplog.text
    assert asyncio.run(write(tmp_path)) == [first, second]


def test_a_stored_segment_that_cannot_be_deleted_is_deleted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def scenario() -> None:
        cut: asyncio.Queue[SegmentInfo] = asyncio.Queue()
        wal = Wal(tmp_path, WalLimits(max_age_s=0))
        await wal.start(cut.put_nowait)
        for text in ("a", "b"):
            await wal.append("logs", entry(text))
        first, second = await cut.get(), await cut.get()
        with monkeypatch.context() as broken:
            broken.setattr("os.unlink", fail)
            wal.confirm(first)
            assert wal.usage().segments == 2
        wal.confirm(second)
        assert wal.usage() == WalUsage(0, 0, 0.0)
        await wal.close()

    asyncio.run(scenario())

    assert list((tmp_path / "logs").glob("*.wal")) == []


def test_an_empty_segment_of_a_crash_is_removed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "0000000000000007-3fa9c04b7d12.wal").touch()

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


def test_clock_jumps_neither_stop_cutting_nor_bring_ids_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: list[str] = []

    async def scenario(received: int) -> None:
        monkeypatch.setattr("time.time_ns", lambda: received)
        cut: asyncio.Queue[SegmentInfo] = asyncio.Queue()
        wal = Wal(tmp_path, WalLimits(max_age_s=0.01))
        await wal.start(cut.put_nowait)
        for _ in range(2):
            await wal.append("logs", Entry(b"x", received, records=1))
            segment = await asyncio.wait_for(cut.get(), 10)
            assert segment.first_received_unix_nano == received
            assert wal.usage().oldest_age_s == 0
            tokens.append(segment.token)
            wal.confirm(segment)
        await wal.close()

    for year_ns in (2_000_000_000_000_000_000, 1, 2**63, 1_000_000_000_000_000_000):
        asyncio.run(scenario(year_ns))

    assert len(set(tokens)) == 8
    assert tokens == sorted(tokens)


def segment_of(directory: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, bytes, list[int]]:
    """A segment file of three records, and where they end; syncs cost nothing from now on."""
    entries = [entry("one"), entry("second", nested=True), entry("the third")]
    [segment] = asyncio.run(write(directory, *entries))
    ends = [0]
    for each in entries:
        ends.append(ends[-1] + len(b"".join(encode_entry(each))))
    monkeypatch.setattr("os.fsync", lambda _: None)
    return segment.path, segment.path.read_bytes(), ends


def kept_and_torn(path: Path) -> tuple[list[bytes], bytes]:
    """Repair a segment; returns the requests that are left, and what was set aside."""
    info = repair_segment(path, "logs")
    kept = [] if info is None else list(read_entries(path, info.size_bytes))
    aside = list(path.parent.glob("*.torn"))
    torn = b"".join(each.read_bytes() for each in aside)
    for each in aside:
        each.unlink()
    return [each.request for each in kept], torn


def test_a_segment_cut_at_any_byte_keeps_its_whole_records_and_sets_the_rest_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data, ends = segment_of(tmp_path, monkeypatch)
    for size in range(len(data)):
        path.write_bytes(data[:size])

        kept, torn = kept_and_torn(path)

        whole = max(count for count, end in enumerate(ends) if end <= size)
        assert kept == [b"one", b"second", b"the third"][:whole], size
        assert torn == data[ends[whole] : size], size


def test_a_segment_with_any_bit_flipped_loses_the_harmed_record_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data, ends = segment_of(tmp_path, monkeypatch)
    whole = [b"one", b"second", b"the third"]
    for bit in range(len(data) * 8):
        harmed = bytearray(data)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        record = max(count for count, end in enumerate(ends[:-1]) if end <= bit // 8)

        kept, torn = kept_and_torn(path)

        # With a harmed length or first tag nobody knows where the next record begins.
        framing = bit // 8 - ends[record] < 2
        others = whole[:record] if framing else whole[:record] + whole[record + 1 :]
        assert kept[: len(others)] == others, bit
        assert set(kept) <= set(whole) - {whole[record]}, bit
        assert len(torn) + len(path.read_bytes()) == len(data), bit


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
