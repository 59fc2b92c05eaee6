"""What becomes of the segments that a former process left behind, and of harmed ones.

Nothing that cannot be read as a record is ever deleted: it is moved to `<segment>.<offset>.torn`,
and every unharmed record around it stays.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stepsight_collector.wal.disk import fsync_directory, replace_file
from stepsight_collector.wal.record import Entry, RecordError, scan_entries
from stepsight_collector.wal.segment import (
    SegmentInfo,
    Signal,
    name_of,
    read_segment,
    segment_files,
    segment_token,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    OnEntry = Callable[[Signal, Entry], None]

__all__ = ["OnEntry", "recover_segments", "repair_segment"]

_log = logging.getLogger("stepsight.wal")


@dataclass(slots=True)
class _Scan:
    """What a segment holds: summary of its records, and the ranges that are none."""

    good: list[tuple[int, int]] = field(default_factory=list)
    harmed: list[tuple[int, int]] = field(default_factory=list)
    reason: str = ""
    records: int = 0
    nested: bool = False
    first_received_unix_nano: int = 0

    @property
    def good_bytes(self) -> int:
        return sum(end - start for start, end in self.good)


def recover_segments(
    directory: Path, signal: Signal, on_entry: OnEntry = lambda _signal, _entry: None
) -> list[SegmentInfo]:
    """Make every segment in a directory whole, and list them in the order of their ids.

    `on_entry` sees every entry of them. Empty segments go, and half-written files of `disk.py`.
    A segment that cannot be read or made whole is left for the next start: it must not keep the
    others from being stored. Raises `OSError` if the directory is no use.
    """
    for leftover in directory.glob("*.new"):
        leftover.unlink()
    infos = [_recover(path, signal, on_entry) for path in segment_files(directory)]
    fsync_directory(directory)
    return [info for info in infos if info is not None]


def _recover(path: Path, signal: Signal, on_entry: OnEntry) -> SegmentInfo | None:
    try:
        info = repair_segment(path, signal, on_entry)
        if info is None:
            path.unlink()
    except OSError as exc:
        _log.error("WAL segment %s is left for the next start: %s", path, exc)
        return None
    return info


def repair_segment(
    path: Path, signal: Signal, on_entry: OnEntry = lambda _signal, _entry: None
) -> SegmentInfo | None:
    """Move what is harmed out of a segment and describe the rest; None when there is no rest.

    Raises `OSError`, except when only the end is harmed and there is no room to set it aside:
    then it stays in the file, after the `size_bytes` that count.
    """
    data = read_segment(path)
    scan = _scan(memoryview(data), signal, on_entry)
    if scan.harmed:
        _set_aside(path, memoryview(data), scan)
    if not scan.good:
        return None
    segment_id, origin = name_of(path)
    return SegmentInfo(
        signal=signal,
        id=segment_id,
        path=path,
        size_bytes=scan.good_bytes,
        records=scan.records,
        nested=scan.nested,
        first_received_unix_nano=scan.first_received_unix_nano,
        token=segment_token(signal, origin, segment_id),
    )


def _scan(data: memoryview, signal: Signal, on_entry: OnEntry) -> _Scan:
    """Read every record; after a harmed one go on where it ends by its own length, if it has one.

    Records are not searched for byte by byte: a request may hold bytes that look like one.
    """
    scan, offset = _Scan(), 0
    while offset < len(data):
        start = offset
        try:
            for end, entry in scan_entries(data, start):
                offset = end
                scan.first_received_unix_nano = (
                    scan.first_received_unix_nano or entry.received_time_unix_nano
                )
                scan.nested = scan.nested or entry.nested
                scan.records += entry.records
                on_entry(signal, entry)
        except RecordError as exc:
            end = exc.end or len(data)
            scan.harmed.append((exc.offset, end))
            scan.reason = scan.reason or exc.reason
            if exc.offset > start:
                scan.good.append((start, exc.offset))
            offset = end
        else:
            scan.good.append((start, offset))
    return scan


def _set_aside(path: Path, data: memoryview, scan: _Scan) -> None:
    """Move the harmed ranges into a file of their own.

    Written, made durable and only then cut off: a crash in between repeats the same step.
    """
    offset, end = scan.harmed[0]
    torn = path.with_name(f"{path.stem}.{offset}.torn")
    is_tail = end == len(data)
    try:
        replace_file(torn, [data[start:end] for start, end in scan.harmed])
    except OSError as exc:
        _log.error(
            "WAL segment %s is torn at byte %d: %s. The tail cannot be set aside: %s.",
            path,
            offset,
            scan.reason,
            exc,
        )
        if not is_tail:
            raise
        return
    if is_tail:
        _truncate(path, offset)
    else:
        replace_file(path, [data[start:end] for start, end in scan.good])
    _log.error(
        "WAL segment %s is torn at byte %d: %s. %d bytes were set aside as %s.",
        path,
        offset,
        scan.reason,
        sum(end - start for start, end in scan.harmed),
        torn.name,
    )


def _truncate(path: Path, size_bytes: int) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, size_bytes)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
