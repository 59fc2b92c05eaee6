"""Files that are whole and durable, or not there: what every part of the log writes with.

Only calls of `os`, one for each step, so that a test can fail each of them.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["fsync_directory", "replace_file", "write_all"]

_MAX_BUFFERS = 1024  # IOV_MAX on Linux and macOS


def write_all(descriptor: int, buffers: Sequence[bytes | memoryview]) -> int:
    """Write all buffers, however many and however short the kernel's writes are.

    Returns their bytes. Raises `OSError`; what was written until then stays in the file.
    """
    for start in range(0, len(buffers), _MAX_BUFFERS):
        part = [buffer for buffer in buffers[start : start + _MAX_BUFFERS] if len(buffer)]
        while part:
            written = os.writev(descriptor, part)
            if written == 0:
                raise OSError(errno.EIO, "nothing was written")
            while part and written >= len(part[0]):
                written -= len(part.pop(0))
            if part and written:
                part[0] = memoryview(part[0])[written:]
    return sum(map(len, buffers))


def replace_file(path: Path, buffers: Sequence[bytes | memoryview]) -> None:
    """Write a file in one step: after a crash at any point it is the old one or the new one.

    Raises `OSError`, and then the old one is there.
    """
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, buffers)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(fresh, path)  # noqa: PTH105 - one call of os for each step, see above
    fsync_directory(path.parent)


def fsync_directory(directory: Path) -> None:
    """Make new and renamed names in a directory durable. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
