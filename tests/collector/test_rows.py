"""Which way a segment goes into the store, and that it goes the same way again."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from stepsight_collector import native, rows
from stepsight_collector.errors import StorageError
from stepsight_collector.rows import RowMaker
from stepsight_collector.wal import SegmentInfo, encode_entry
from wal_runs import NESTED, entry

if TYPE_CHECKING:
    from stepsight_collector.store import Store
    from stepsight_collector.wal import Signal

pytestmark = pytest.mark.skipif(
    shutil.which("cargo") is None, reason="the native library is built where there is a cargo"
)


class TakesRows:
    """Keeps tokens, and how many bytes came under each."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def insert_rows(self, signal: str, block: Path, token: str) -> None:
        assert token.startswith(signal)
        self.taken[token] = len(block.read_bytes())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path


def segment(log: Path, number: int, text: str = "a", *, signal: Signal = "logs") -> SegmentInfo:
    path = log / signal / f"{number:016}-0123456789ab.wal"
    one = entry(text)
    size_bytes = path.write_bytes(b"".join(encode_entry(one)))
    token = f"{signal}-{number}"
    return SegmentInfo(signal, number, path, size_bytes, 1, one.nested, 1, token)


def insert(maker: RowMaker, one: SegmentInfo, store: TakesRows | None = None) -> bool:
    return maker.insert(cast("Store", store or TakesRows()), one)


def test_a_new_log_begins_with_rows_and_says_so(log: Path) -> None:
    store, maker = TakesRows(), RowMaker(log)

    assert insert(maker, segment(log, 1), store)

    assert (log / "logs" / "way").read_text() == "rows-1\n"
    assert store.taken["logs-1"] > 500


def test_the_file_in_memory_is_empty_after_each_insert_and_used_again(log: Path) -> None:
    store, maker = TakesRows(), RowMaker(log)

    for number, text in enumerate(("long" * 1000, "a", "a")):
        insert(maker, segment(log, number, text), store)

    sizes = list(store.taken.values())
    assert sizes[0] > 4000 > sizes[1] == sizes[2]


def test_what_an_earlier_version_left_goes_its_way_and_so_does_all_until_that_is_gone(
    log: Path,
) -> None:
    old = segment(log, 1)
    maker = RowMaker(log)
    new = segment(log, 2)

    assert not insert(maker, new)
    old.path.unlink()
    assert not insert(maker, new)  # tried before
    assert not (log / "logs" / "way").exists()
    new.path.unlink()
    assert insert(maker, segment(log, 3))


def test_a_segment_of_a_former_process_goes_as_rows_again(log: Path) -> None:
    one = segment(log, 1)
    (log / "logs" / "way").write_text("rows-1\n")

    assert insert(RowMaker(log), one)


def test_without_the_library_segments_go_to_the_views_and_that_is_noted(
    log: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    insert(RowMaker(log), segment(log, 1))
    monkeypatch.setattr(native, "is_there", lambda: False)
    caplog.set_level(logging.WARNING, "stepsight.loader")
    maker = RowMaker(log)

    assert not insert(maker, segment(log, 1))
    assert "1 segments" in caplog.text
    assert "may have been inserted as rows-1" in caplog.text
    (log / "logs" / f"{1:016}-0123456789ab.wal").unlink()
    assert not insert(maker, segment(log, 2))
    assert (log / "logs" / "way").read_text() == "views\n"


def test_where_the_note_cannot_be_written_segments_go_as_before(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, buffers: object) -> None:
        raise OSError(28, "No space left on device", str(path), buffers)

    maker, first = RowMaker(log), segment(log, 1)
    with monkeypatch.context() as full:
        full.setattr(rows, "replace_file", fail)
        assert not insert(maker, first)

    assert not insert(maker, first)
    first.path.unlink()
    assert insert(maker, segment(log, 2))


def test_a_segment_that_is_gone_is_an_error_that_says_so(log: Path) -> None:
    maker, one = RowMaker(log), segment(log, 1)
    one.path.unlink()

    with pytest.raises(FileNotFoundError):
        insert(maker, one)


def test_a_segment_that_cannot_be_read_is_an_error(log: Path) -> None:
    with pytest.raises(IsADirectoryError):
        native.write_rows("logs", log, 1, 1)


@pytest.mark.parametrize("reason", ["another system", "forbidden"])
def test_without_files_in_memory_segments_go_to_the_views(
    reason: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> int:
        raise PermissionError(1, "Operation not permitted", name)

    if reason == "forbidden":
        monkeypatch.setattr("os.memfd_create", refuse)
    else:
        monkeypatch.delattr("os.memfd_create")

    assert not insert(RowMaker(log), segment(log, 1))


def test_a_note_that_cannot_be_read_is_named(log: Path) -> None:
    (log / "logs" / "way").mkdir()

    with pytest.raises(StorageError, match="logs/way cannot be read: "):
        RowMaker(log)


def test_nested_values_and_metrics_are_left_to_the_views(log: Path) -> None:
    (log / "metrics").mkdir()
    maker = RowMaker(log)

    assert not insert(maker, segment(log, 1, NESTED))
    assert not insert(maker, segment(log, 1, signal="metrics"))


def test_a_segment_is_read_as_far_as_it_was_sealed(log: Path) -> None:
    maker, one = RowMaker(log), segment(log, 1)
    with one.path.open("ab") as file:
        file.write(b"\x40half a record")

    assert insert(maker, one)


def test_the_block_that_cannot_be_written_is_an_error(log: Path) -> None:
    one = segment(log, 1)
    with Path("/dev/full").open("wb") as full, pytest.raises(OSError, match="No space left"):
        native.write_rows("logs", one.path, one.size_bytes, full.fileno())
