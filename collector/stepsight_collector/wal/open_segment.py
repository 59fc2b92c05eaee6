"""The segment that is being written: whole records on disk, or none of a failed group.

Called by wal/writer.py on its thread only.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Self

from stepsight_collector.wal.disk import fsync_directory, write_all
from stepsight_collector.wal.record import Entry, encode_entry
from stepsight_collector.wal.segment import (
    SegmentInfo,
    Signal,
    segment_path,
    segment_token,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OpenSegment"]

# macOS has no fdatasync.
_sync = getattr(os, "fdatasync", os.fsync)


class OpenSegment:
    """A segment file open for appending. Everything up to `size_bytes` is durable."""

    def __init__(self, path: Path, origin: str, segment_id: int, descriptor: int) -> None:
        self.path = path
        self.id = segment_id
        self._origin = origin
        self.size_bytes = 0
        self.records = 0
        self.nested = False
        self.first_received_unix_nano = 0
        self.records_opened_at: float | None = None  # monotonic, s; None while it is empty
        self._descriptor = descriptor
        self._has_remains = False

    @classmethod
    def create(cls, directory: Path, origin: str, segment_id: int) -> Self:
        """Create the file and make its name durable. Raises `OSError`."""
        path = segment_path(directory, origin, segment_id)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fsync_directory(directory)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return cls(path, origin, segment_id, descriptor)

    def append(self, entries: list[Entry]) -> int:
        """Write and sync a group, return its bytes.

        Raises `OSError`, and then nothing of the group is kept.
        After a failed sync the pages may be lost in the kernel, so the group is cut off again
        rather than synced a second time.
        """
        buffers = [buffer for entry in entries for buffer in encode_entry(entry)]
        self._cut_remains()
        self._has_remains = True
        try:
            written = write_all(self._descriptor, buffers)
            _sync(self._descriptor)
        except OSError:
            self._cut_remains()
            raise
        self._has_remains = False
        self.size_bytes += written
        self._note(entries)
        return written

    @property
    def descriptor(self) -> int:
        """Return what a lane appends to, see `note_appended`."""
        return self._descriptor

    @property
    def has_remains(self) -> bool:
        """Whether a failed group is still to be cut off, which `append` and `close` do."""
        return self._has_remains

    def note_appended(self, size_bytes: int, records: int, *, nested: bool, failed: bool) -> None:
        """Take over what a lane appended and synced behind the first group.

        Raises `OSError` if something of it failed and cannot be cut off now, see `has_remains`.
        """
        self.size_bytes += size_bytes
        self.records += records
        self.nested = self.nested or nested
        self._has_remains = failed
        self._cut_remains()

    def close(self) -> None:
        """Close the file. Raises `OSError` if the remains of a failed group cannot be cut off."""
        try:
            self._cut_remains()
        finally:
            os.close(self._descriptor)
        if self.size_bytes == 0:
            self.path.unlink()

    def info(self, signal: Signal) -> SegmentInfo:
        """Describe the segment for the loader."""
        return SegmentInfo(
            signal=signal,
            id=self.id,
            path=self.path,
            size_bytes=self.size_bytes,
            records=self.records,
            nested=self.nested,
            first_received_unix_nano=self.first_received_unix_nano,
            token=segment_token(signal, self._origin, self.id),
        )

    def _note(self, entries: list[Entry]) -> None:
        if self.records_opened_at is None:
            self.records_opened_at = time.monotonic()
            self.first_received_unix_nano = entries[0].received_time_unix_nano
        self.records += sum(entry.records for entry in entries)
        self.nested = self.nested or any(entry.nested for entry in entries)

    def _cut_remains(self) -> None:
        if self._has_remains:
            os.ftruncate(self._descriptor, self.size_bytes)
            os.lseek(self._descriptor, self.size_bytes, os.SEEK_SET)
            self._has_remains = False
