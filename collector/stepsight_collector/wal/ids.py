"""Segment ids that are never used twice.

The store takes a segment's token as deduplication token: data under a used token would be
dropped without a word. So ids do not depend on the clock (it can be set back) nor on the files
that happen to exist (all of them may be stored and deleted). The file `next` holds the first id
that is not yet reserved, a random origin, and a checksum: a flipped bit in it must not bring a
used id back. Ids are reserved in blocks, so that the file is written once in 4096 segments; what
is left of a block at the end is skipped. Without the file, or when it was harmed, a new origin is
drawn, which makes every token new; a segment keeps the origin that is in its name.
"""

from __future__ import annotations

import logging
import os
import secrets
import zlib
from typing import TYPE_CHECKING

from stepsight_collector.wal.disk import replace_file
from stepsight_collector.wal.segment import name_of, segment_files

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SegmentIds"]

_BLOCK = 4096
_log = logging.getLogger("stepsight.wal")


class SegmentIds:
    """Hands out segment ids of one signal. Used by one thread at a time.

    Nothing is written before the first id is taken, so a log opens on a full disk.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "next"
        self.origin, stored = self._read()
        highest = max((name_of(path)[0] for path in segment_files(directory)), default=0)
        self._next = max(stored, highest + 1)
        self._reserved_until = 0

    def take(self) -> int:
        """Return an id that no segment has had. Raises `OSError` if a block cannot be reserved."""
        if self._next >= self._reserved_until:
            self._reserve()
        segment_id = self._next
        self._next += 1
        return segment_id

    def _read(self) -> tuple[str, int]:
        try:
            text = self._file.read_bytes()
        except FileNotFoundError:
            return secrets.token_hex(6), 1
        words = text.decode("ascii", "replace").split()
        if words and text == _text(*words[:2]):
            return words[0], int(words[1])
        aside = self._file.with_name("next.harmed")
        os.replace(self._file, aside)  # noqa: PTH105 - see wal/disk.py
        _log.error(
            "%s should hold an origin, a number and their checksum, found %r. It was set aside as "
            "%s, and a new origin was drawn; nothing is lost or stored twice by that.",
            self._file,
            text[:80],
            aside.name,
        )
        return secrets.token_hex(6), 1

    def _reserve(self) -> None:
        until = self._next + _BLOCK
        replace_file(self._file, [_text(self.origin, str(until))])
        self._reserved_until = until


def _text(origin: str, first_free: str = "") -> bytes:
    """Return what the file holds: origin, first id that is not reserved, CRC-32 of both."""
    words = f"{origin} {first_free}".encode()
    return b"%s %08x\n" % (words, zlib.crc32(words))
