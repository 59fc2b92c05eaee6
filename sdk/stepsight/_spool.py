"""Records that could not be sent, on disk until a collector is there.

Format: docs/reference/spool-format.md.
One file a process and signal holds export requests, each behind its length as a varint. Its name
says in what state it is: `.part` while its process may append, `.claimed-OWNER` while one delivers.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepsight._otlp import varint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

__all__ = ["Spool", "read_requests"]

_SUFFIX = ".otlp"
_PART = ".part"
FILE_MAX_BYTES = 8 << 20
# A file of a process on another host counts as left behind after this time without a change.
ORPHAN_AGE_S = 3600.0


@dataclass
class _Part:
    file: IO[bytes]
    path: Path
    size_bytes: int

    def append(self, data: bytes) -> None:
        """Write all of it or, with an OSError, nothing."""
        try:
            _write_all(self.file, data)
        except OSError:
            self.file.truncate(self.size_bytes)
            raise
        self.size_bytes += len(data)


class Spool:
    """A directory of undelivered requests, shared by all steps of a user.

    One thread of a process uses it at a time; processes need no lock among each other.
    """

    def __init__(self, directory: str, max_bytes: int, host: str = "") -> None:
        self._directory = Path(directory)
        self._max_bytes = max_bytes
        self._host = re.sub(r"[^A-Za-z0-9_]+", "_", host or socket.gethostname())
        self._owner = f"{self._host}.{os.getpid()}.{secrets.token_hex(4)}"
        self._parts: dict[str, _Part] = {}

    def add(self, signal: str, request: bytes) -> bool:
        """Append a request to this process's file; False when the spool is full. Raises OSError."""
        data = varint(len(request)) + request
        if self._used_bytes() + len(data) > self._max_bytes:
            return False
        part = self._parts.get(signal)
        if part is None or part.size_bytes + len(data) > FILE_MAX_BYTES:
            self._finish(signal)
            part = self._parts[signal] = self._open(signal)
        part.append(data)
        return True

    def finish(self) -> None:
        """Let other processes deliver what this one wrote."""
        for signal in list(self._parts):
            self._finish(signal)

    def deliver(self, send: Callable[[str, bytes], bool]) -> int:
        """Send what is there, oldest first, until `send` returns False; returns requests sent.

        What was not sent stays. A process that dies in between leaves its claimed file to the
        next, which sends it from its start: nothing is lost, a part may arrive twice.
        """
        self.finish()
        sent = 0
        for path in self._waiting():
            claimed = self._claim(path)
            if claimed is None:
                continue
            signal = path.name.partition(_SUFFIX)[0].rpartition("-")[2]
            data = claimed.read_bytes()
            for start, request in read_requests(data):
                if not send(signal, request):
                    self._give_back(claimed, data[start:])
                    return sent
                os.utime(claimed)
                sent += 1
            claimed.unlink(missing_ok=True)
        return sent

    def _open(self, signal: str) -> _Part:
        self._directory.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns()}-{self._owner}-{signal}{_SUFFIX}{_PART}"
        path = self._directory / name
        return _Part(path.open("ab", buffering=0), path, 0)

    def _finish(self, signal: str) -> None:
        part = self._parts.pop(signal, None)
        if part is not None:
            part.file.close()
            with suppress(OSError):
                part.path.rename(part.path.with_name(part.path.name.removesuffix(_PART)))

    def _claim(self, path: Path) -> Path | None:
        claimed = path.with_name(f"{_plain_name(path)}.claimed-{self._owner}")
        try:
            path.rename(claimed)
            os.utime(claimed)
        except OSError:  # another process was faster
            return None
        return claimed

    def _give_back(self, claimed: Path, data: bytes) -> None:
        rest = claimed.with_name(f"{claimed.name}.rest")
        with suppress(OSError):
            rest.write_bytes(data)
            rest.rename(claimed)
        claimed.rename(claimed.with_name(_plain_name(claimed)))

    def _waiting(self) -> list[Path]:
        try:
            paths = sorted(self._directory.iterdir())
        except OSError:
            return []
        return [path for path in paths if _SUFFIX in path.name and self._is_free(path)]

    def _is_free(self, path: Path) -> bool:
        """Whether nobody writes or delivers the file."""
        name = path.name
        if name.endswith(_SUFFIX):
            return True
        if name.endswith(".rest"):
            return False
        if name.endswith(_PART):
            owner = name.partition("-")[2].partition("-")[0]
        else:
            owner = name.partition(".claimed-")[2]
        host, _, rest = owner.partition(".")
        if owner == self._owner:
            return False
        if host == self._host:
            return not _is_alive(rest.partition(".")[0])
        return time.time() - _modified(path) > ORPHAN_AGE_S

    def _used_bytes(self) -> int:
        try:
            return sum(_size(path) for path in self._directory.iterdir())
        except OSError:
            return 0


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def read_requests(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The requests of a file, each with its offset; a torn end is left out."""
    offset = 0
    while offset < len(data):
        start, length, shift = offset, 0, 0
        while offset < len(data):
            byte = data[offset]
            offset += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
                break
        if offset + length > len(data):
            return
        yield start, data[offset : offset + length]
        offset += length


def _plain_name(path: Path) -> str:
    return path.name.partition(_SUFFIX)[0] + _SUFFIX


def _is_alive(pid: str) -> bool:
    if not pid.isdecimal() or int(pid) == os.getpid():
        return False  # our own number, but not our file: a process before us had it
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
