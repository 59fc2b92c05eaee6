"""Segment ids that are never used twice.

The store takes a segment's token as deduplication token: data under a used token would be
dropped without a word. So ids do not depend on the clock (it can be set back) nor on the files
that happen to exist (all of them may be stored and deleted). The file `next` holds the first id
that is not yet reserved, and a random origin. Ids are reserved in blocks, so that the file is
written once in 4096 segments; what is left of a block at the end is skipped. Without the file a
new origin is drawn, which makes every token new.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from stepsight_collector.errors import StorageError
from stepsight_collector.wal.segment import fsync_directory, segment_files

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SegmentIds"]

_BLOCK = 4096


class SegmentIds:
    """Hands out segment ids of one signal. Used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / "next"
        self.origin, stored = self._read()
        highest = max((int(path.stem) for path in segment_files(directory)), default=0)
        self._next = max(stored, highest + 1)
        self._reserved_until = 0
        self._reserve()

    def take(self) -> int:
        """Return an id that no segment has had. Raises `OSError` if a block cannot be reserved."""
        if self._next >= self._reserved_until:
            self._reserve()
        segment_id = self._next
        self._next += 1
        return segment_id

    def _read(self) -> tuple[str, int]:
        try:
            text = self._file.read_text()
        except FileNotFoundError:
            return secrets.token_hex(6), 1
        origin, _, first_free = text.strip().partition(" ")
        if not origin or not first_free.isdecimal():
            raise StorageError(
                f'{self._file} should hold an origin and a number, found "{text[:40]}". '
                "Delete it to start with a new origin; segments on disk are then loaded again."
            )
        return origin, int(first_free)

    def _reserve(self) -> None:
        until = self._next + _BLOCK
        fresh = self._file.with_suffix(".new")
        with fresh.open("w") as file:
            file.write(f"{self.origin} {until}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)
        fsync_directory(self._directory)
        self._reserved_until = until
