"""Segment files: their names, what is known of each, and reading them.

The loader reads single entries with `read_entries`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stepsight_collector.wal.record import Entry, scan_entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "SIGNALS",
    "SegmentInfo",
    "Signal",
    "name_of",
    "read_entries",
    "read_segment",
    "segment_files",
    "segment_path",
    "segment_token",
]

Signal = Literal["logs", "traces", "metrics"]
SIGNALS: tuple[Signal, ...] = ("logs", "traces", "metrics")


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


def segment_path(directory: Path, origin: str, segment_id: int) -> Path:
    """Return the file of a segment: sixteen digits first, so that names sort as numbers do."""
    return directory / f"{segment_id:016d}-{origin}.wal"


def segment_files(directory: Path) -> list[Path]:
    """List the segments in a directory, oldest first; files of other names are left alone."""
    return sorted(directory.glob("[0-9]" * 16 + "-" + "[0-9a-f]" * 12 + ".wal"))


def name_of(path: Path) -> tuple[int, str]:
    """Return the id and the origin that a segment's name holds."""
    segment_id, _, origin = path.stem.partition("-")
    return int(segment_id), origin


def segment_token(signal: Signal, origin: str, segment_id: int) -> str:
    """Return the deduplication token of a segment."""
    return f"{signal}-{origin}-{segment_id:016d}"


def read_entries(path: Path, size_bytes: int | None = None) -> Iterator[Entry]:
    """Yield the entries of a sealed segment, in the order of their arrival.

    Reads the first `size_bytes`, or all. Raises `ValueError` at the first harmed record.
    """
    for _, entry in scan_entries(memoryview(read_segment(path, size_bytes))):
        yield entry


def read_segment(path: Path, size_bytes: int | None = None) -> bytes:
    """Read a segment's first `size_bytes`, or all of it.

    Not mapped into memory: a sector that cannot be read must be an `OSError`, not a signal that
    ends the process at every start.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = os.fstat(descriptor).st_size if size_bytes is None else size_bytes
        parts = []
        while left > 0 and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
    finally:
        os.close(descriptor)
    return parts[0] if len(parts) == 1 else b"".join(parts)
