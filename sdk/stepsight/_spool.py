"""Records that could not be sent, on disk until a collector is there.

Format: docs/reference/spool-format.md.
One file holds export requests of one signal, each behind its length as a varint. A file is written
under another name and renamed when whole; a process that delivers it claims it by renaming first.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stepsight._otlp import varint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Spool"]

_SUFFIX = ".otlp"
_CLAIM_EXPIRES_S = 300.0


class Spool:
    """A directory of undelivered requests, shared by all steps of a user."""

    def __init__(self, directory: str, max_bytes: int) -> None:
        self._directory = Path(directory)
        self._max_bytes = max_bytes
        self._number = 0

    def add(self, signal: str, requests: list[bytes]) -> bool:
        """Write requests to a new file; False when the spool is full. Raises OSError."""
        data = b"".join(varint(len(request)) + request for request in requests)
        self._directory.mkdir(parents=True, exist_ok=True)
        used = sum(_size(path) for path in self._directory.iterdir())
        if used + len(data) > self._max_bytes:
            return False
        self._number += 1
        name = f"{time.time_ns()}-{os.getpid()}-{self._number}-{signal}{_SUFFIX}"
        unfinished = self._directory / f"{name}.tmp"
        unfinished.write_bytes(data)
        unfinished.rename(self._directory / name)
        return True

    def deliver(self, send: Callable[[str, bytes], bool]) -> int:
        """Send what other processes left, oldest first, until `send` returns False.

        Returns the number of requests sent. A file that was sent in part is sent again from its
        start later, so its first requests may arrive twice; nothing is lost.
        """
        sent = 0
        for path in self._files():
            claimed = path.with_name(f"{path.name.partition('.claimed')[0]}.claimed-{os.getpid()}")
            try:
                path.rename(claimed)
                os.utime(claimed)
                data = claimed.read_bytes()
            except OSError:  # another process was faster
                continue
            signal = path.name.partition(_SUFFIX)[0].rpartition("-")[2]
            for request in _requests(data):
                if not send(signal, request):
                    with suppress(OSError):
                        claimed.rename(path.with_name(path.name.partition(".claimed")[0]))
                    return sent
                sent += 1
            claimed.unlink(missing_ok=True)
        return sent

    def _files(self) -> list[Path]:
        if not self._directory.is_dir():
            return []
        now = time.time()
        return sorted(
            path
            for path in self._directory.iterdir()
            if path.name.endswith(_SUFFIX)
            or (".claimed-" in path.name and now - _modified(path, now) > _CLAIM_EXPIRES_S)
        )


def _requests(data: bytes) -> Iterator[bytes]:
    """The requests of a file; a torn end, from a full disk, is left out."""
    offset = 0
    while offset < len(data):
        length = shift = 0
        while offset < len(data):
            byte = data[offset]
            offset += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
                break
        if offset + length > len(data):
            return
        yield data[offset : offset + length]
        offset += length


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _modified(path: Path, default: float) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return default
