"""Segment files: names, reading, and what recovery does with them.

Called by wal/writer.py and wal/log.py; the loader reads single entries with `read_entries`.
"""

from __future__ import annotations

import logging
import mmap
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stepsight_collector.wal.record import Entry, RecordError, scan_entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "SIGNALS",
    "SegmentInfo",
    "Signal",
    "fsync_directory",
    "read_entries",
    "recover_segments",
    "segment_files",
    "segment_path",
    "segment_token",
]

Signal = Literal["logs", "traces", "metrics"]
SIGNALS: tuple[Signal, ...] = ("logs", "traces", "metrics")

_log = logging.getLogger("stepsight.wal")


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A sealed segment: nothing will be added to it.

    `token` names its contents for all time and over all collectors that share one store: give
    it to the store as deduplication token. `id` is unique within this data directory only.
    """

    signal: Signal
    id: int
    path: Path
    size_bytes: int
    records: int
    nested: bool
    first_received_unix_nano: int
    token: str


@dataclass(frozen=True, slots=True)
class _Scan:
    good_bytes: int
    records: int
    nested: bool
    first_received_unix_nano: int
    defect: RecordError | None


def segment_path(directory: Path, segment_id: int) -> Path:
    """Return the file of a segment: sixteen digits, so that names sort as numbers do."""
    return directory / f"{segment_id:016d}.wal"


def segment_files(directory: Path) -> list[Path]:
    """List the segments in a directory, oldest first; files of other names are left alone."""
    return sorted(directory.glob("[0-9]" * 16 + ".wal"))


def segment_token(signal: Signal, origin: str, segment_id: int) -> str:
    """Return the deduplication token of a segment."""
    return f"{signal}-{origin}-{segment_id:016d}"


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a sealed segment, in the order of their arrival.

    Raises `ValueError` at the first harmed record.
    """
    with _mapped(path) as data:
        for _, entry in scan_entries(data):
            yield entry


def fsync_directory(directory: Path) -> None:
    """Make new and renamed names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def recover_segments(directory: Path, signal: Signal, origin: str) -> list[SegmentInfo]:
    """Make every segment that a former process left behind whole, and list them in order.

    What does not read as a record is moved to `<id>.torn`, never deleted. Empty segments go.
    """
    found = []
    for path in segment_files(directory):
        scan = _scan(path)
        if scan.defect is not None:
            _set_tail_aside(path, scan.defect, scan.good_bytes)
        if scan.good_bytes == 0:
            path.unlink()
            continue
        segment_id = int(path.stem)
        found.append(
            SegmentInfo(
                signal=signal,
                id=segment_id,
                path=path,
                size_bytes=scan.good_bytes,
                records=scan.records,
                nested=scan.nested,
                first_received_unix_nano=scan.first_received_unix_nano,
                token=segment_token(signal, origin, segment_id),
            )
        )
    fsync_directory(directory)
    return found


def _scan(path: Path) -> _Scan:
    good_bytes = records = first = 0
    nested, defect = False, None
    with _mapped(path) as data:
        try:
            for end, entry in scan_entries(data):
                first = first or entry.received_time_unix_nano
                good_bytes, nested = end, nested or entry.nested
                records += entry.records
        except RecordError as exc:
            # The traceback holds views of the mapping, which must be closed.
            defect = exc.with_traceback(None)
            defect.__cause__ = defect.__context__ = None
    return _Scan(good_bytes, records, nested, first, defect)


def _set_tail_aside(path: Path, defect: RecordError, good_bytes: int) -> None:
    """Move everything from the first bad byte on into `<id>.torn`.

    Written, made durable and only then cut off: a crash in between repeats the same step.
    """
    torn = path.with_suffix(".torn")
    with path.open("r+b") as segment:
        segment.seek(good_bytes)
        tail = segment.read()
        with torn.open("wb") as aside:
            aside.write(tail)
            aside.flush()
            os.fsync(aside.fileno())
        segment.truncate(good_bytes)
        os.fsync(segment.fileno())
    _log.error(
        "WAL segment %s is torn at byte %d: %s. %d bytes were set aside as %s.",
        path,
        good_bytes,
        defect.reason,
        len(tail),
        torn.name,
    )


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    """Map a file into memory for reading; an empty file is an empty view."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            yield memoryview(b"")
            return
        # Not closed by hand: a slice that is still referenced would make close() raise.
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
