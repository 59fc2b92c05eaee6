"""Loads the native library and gives its functions Python's types.

The other side is collector/native/src/ffi.rs. A library that is missing is no error: a source
checkout without a Rust compiler has none. One that is there and does not fit is.
"""

from __future__ import annotations

import ctypes
import logging
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepsight_collector.wal import Signal

__all__ = ["check", "crc32", "handles", "is_there", "leave_out", "write_rows"]

_INTERFACE = 3
_FILE = Path(__file__).with_name("stepsight_native.so")
_NUMBERS: dict[Signal, int] = {"logs": 0, "traces": 1, "metrics": 2}
_log = logging.getLogger("stepsight.native")
# Above, a call lets other threads run meanwhile; below, letting them costs more than the call.
_BRIEF_BYTES = 64 << 10
# What stepsight_write_rows answers instead of a number of rows.
_UNUSUAL, _PANICKED = -1, -2


def _load(kind: type[ctypes.CDLL]) -> ctypes.CDLL | None:
    if not _FILE.exists():
        return None
    library = kind(str(_FILE))
    library.stepsight_interface.restype = ctypes.c_uint32
    found = library.stepsight_interface()
    if found != _INTERFACE:
        raise ImportError(
            f"{_FILE} has interface {found}, expected {_INTERFACE}. It is of another version of "
            "stepsight: install again, or delete it to do without."
        )
    library.stepsight_check.argtypes = (
        ctypes.c_uint32,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
    )
    library.stepsight_check.restype = ctypes.c_int64
    library.stepsight_crc32.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32)
    library.stepsight_crc32.restype = ctypes.c_uint32
    library.stepsight_write_rows.argtypes = (
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint64,
        ctypes.c_int,
    )
    library.stepsight_write_rows.restype = ctypes.c_int64
    return library


_brief, _long = _load(ctypes.PyDLL), _load(ctypes.CDLL)


def is_there() -> bool:
    """Whether the library was built and is used."""
    return _brief is not None


def leave_out() -> None:
    """Do without the library from now on, in this process."""
    global _brief, _long  # noqa: PLW0603 - a process has one library, or none
    _brief = _long = None


def handles() -> tuple[ctypes.CDLL | None, ctypes.CDLL | None]:
    """The library twice: calls that keep other threads waiting, and calls that let them run."""
    return _brief, _long


def check(signal: Signal, body: bytes, max_bytes: int) -> int | None:
    """Count the records of a valid request whose heads and records have `max_bytes` at most.

    None if that is not sure: the request may be malformed, or hold lists or maps as values.
    """
    library = _brief if len(body) <= _BRIEF_BYTES else _long
    if library is None:
        return None
    records: int = library.stepsight_check(_NUMBERS[signal], body, len(body), max_bytes)
    return None if records < 0 else records


def crc32(data: bytes, seed: int = 0) -> int:
    """CRC-32 as `zlib.crc32`, faster with the library."""
    library = _brief if len(data) <= _BRIEF_BYTES else _long
    if library is None:
        return zlib.crc32(data, seed)
    checksum: int = library.stepsight_crc32(data, len(data), seed)
    return checksum


def write_rows(signal: Signal, segment: Path, size_bytes: int, descriptor: int) -> int | None:
    """Write the rows of a segment, the first bytes of a file, to an open file.

    As a block of ClickHouse's Native format. Returns how many there are. None, which depends on
    the segment's bytes alone, if the segment is to be left to the store's views. Raises OSError if
    it cannot be read or the rows not written, and then part of them may be.
    """
    if _long is None:
        return None
    source = os.open(segment, os.O_RDONLY | os.O_CLOEXEC)
    try:
        rows: int = _long.stepsight_write_rows(_NUMBERS[signal], source, size_bytes, descriptor)
    finally:
        os.close(source)
    if rows < _PANICKED:
        error = _PANICKED - rows
        raise OSError(error, os.strerror(error))
    if rows == _PANICKED:
        _log.error("the native library cannot make rows of a segment of %s; a bug", signal)
    return rows if rows > _UNUSUAL else None
