"""One collector to a data directory.

The embedded store and the write-ahead log each belong to one process; a second one is refused
in plain words. The lock is the kernel's: it is free the moment its holder is gone, however it went.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stepsight_collector.errors import ConfigError, LockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["data_dir_lock"]


@contextmanager
def data_dir_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock of a data directory, which is created if it does not exist.

    Raises `LockedError` if another process has it, `ConfigError` if the directory is no use.
    """
    path = data_dir / "lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        problem = f"The data directory {data_dir} cannot be used: {exc.strerror}."
        raise ConfigError([f"{problem} Choose another with --data."]) from exc
    try:
        _take(descriptor, data_dir)
        yield
    finally:
        # The file stays: removing it would let two processes lock two files of one name.
        os.close(descriptor)


def _take(descriptor: int, data_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        raise LockedError(
            f"Another collector (process {holder}) works in {data_dir}. Use that one, stop it "
            f"with: kill {holder}, or start this one with another --data."
        ) from exc
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
