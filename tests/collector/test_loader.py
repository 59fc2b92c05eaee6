from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, cast

from faults import Faults
from stepsight_collector.loader import Loader
from stepsight_collector.metrics import Metrics
from stepsight_collector.wal import SegmentInfo, Wal, WalLimits
from wal_runs import NESTED, POISON, FileStore, entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from stepsight_collector.store import Store


def load(
    directory: Path,
    *texts: str,
    disturb: Callable[[SegmentInfo], object] = lambda _: None,
    per_segment: int = 1,
) -> tuple[list[str], Metrics]:
    """Have texts loaded, each segment disturbed before that; returns what is stored."""
    store, metrics = FileStore(directory / "store", Faults(directory)), Metrics()

    async def scenario() -> None:
        wal = Wal(directory / "wal", WalLimits(3600_000, per_segment, 3600.0))
        loader = Loader(cast("Store", store), wal, metrics, retry_first_s=0.001)
        sealed: list[SegmentInfo] = []
        await wal.start(sealed.append)
        for text in texts:
            await wal.append("logs", entry(text))
        await wal.close()
        await loader.start()
        for segment in sealed:
            disturb(segment)
            loader.submit(segment)
        assert await loader.drain(30)
        await loader.stop()
        assert wal.usage().segments == 0

    asyncio.run(scenario())
    return sorted(store.texts()), metrics


def test_a_segment_whose_file_is_gone_is_counted_as_lost_and_the_others_are_stored(
    tmp_path: Path,
) -> None:
    def remove(segment: SegmentInfo) -> None:
        if segment.id == 2:
            segment.path.unlink()

    stored, metrics = load(tmp_path, "a", "b", "c", disturb=remove)

    assert stored == ["a", "c"]
    assert metrics.loader.lost_records == 1
    assert metrics.signals["logs"].stored_records == 2


def test_a_record_that_was_harmed_after_sealing_is_set_aside_and_the_others_are_stored(
    tmp_path: Path,
) -> None:
    def harm(segment: SegmentInfo) -> None:
        data = bytearray(segment.path.read_bytes())
        data[len(data) // 2] ^= 1
        segment.path.write_bytes(data)

    texts = (f"{NESTED}-1", f"{NESTED}-2", f"{NESTED}-3")
    stored, metrics = load(tmp_path, *texts, disturb=harm, per_segment=3)

    assert stored == [texts[0], texts[2]]
    assert metrics.loader.refused_records == 1
    assert len(list((tmp_path / "wal" / "logs").glob("*.torn"))) == 1


def test_remains_that_could_not_be_cut_off_are_not_stored(tmp_path: Path) -> None:
    def append_remains(segment: SegmentInfo) -> None:
        with segment.path.open("ab") as file:
            file.write(b"\x40half a record")

    stored, _ = load(tmp_path, "a", "b", disturb=append_remains)

    assert stored == ["a", "b"]


def test_a_segment_that_cannot_be_read_for_a_while_is_stored_after_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, failures = os.stat, iter(range(5))

    def fail(path: object, **named: object) -> os.stat_result:
        if "0000000000000001" in str(path) and str(path).endswith(".wal"):
            for _ in failures:
                raise OSError(5, "Input/output error")
        return whole(path, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("os.stat", fail)
    stored, metrics = load(tmp_path, "a", "b", "c")

    assert stored == ["a", "b", "c"]
    assert metrics.loader.retries == 5


def test_of_many_requests_the_bad_one_is_found_by_halving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: list[str] = []
    insert = FileStore.insert

    def counting(store: FileStore, signal: str, payload: bytes | Path, token: str) -> None:
        tokens.append(token)
        insert(store, signal, payload, token)

    monkeypatch.setattr(FileStore, "insert", counting)
    texts = [f"t{number:03}" for number in range(256)]
    texts[77] = POISON

    stored, metrics = load(tmp_path, *texts, per_segment=256)

    assert stored == sorted({*texts} - {POISON})
    assert metrics.loader.refused_records == 1
    assert len(tokens) == len(set(tokens)) == 2 + 2 * 8 + 1  # whole twice, halves, the empty one
