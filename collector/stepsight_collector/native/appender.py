"""A native thread that appends entries to the open segment of the write-ahead log.

The other side is collector/native/src/appender.rs: framing, one write and one sync for all entries
that wait, all without the interpreter's lock. Used by wal/lane.py.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import TYPE_CHECKING, NamedTuple

from stepsight_collector.native.library import handles

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.wal import Entry

__all__ = ["FAILED", "Appended", "Appender", "Calls", "is_there"]

# What is added to the event descriptor when a group failed; less is a number of durable entries.
FAILED = 1 << 48


class Appended(ctypes.Structure):
    """What became of the entries between `begin` and `end`.

    `entries` are durable and have `bytes` and `records`. The `failed` ones after them are not,
    because of `error`, an errno; what was added after those was not touched.
    """

    entries: int
    bytes: int
    records: int
    nested: int
    failed: int
    error: int

    _fields_ = (
        ("entries", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("records", ctypes.c_uint64),
        ("nested", ctypes.c_uint64),
        ("failed", ctypes.c_uint64),
        ("error", ctypes.c_int64),
    )


class Calls(NamedTuple):
    """What stands for writev and fdatasync, so that tests can make them fail; None is the kernel.

    C functions that return what the calls do, or the negative of errno.
    """

    writes: object = None
    syncs: object = None


CALLS = Calls()
_brief, _long = handles()


def _declare(library: ctypes.CDLL) -> None:
    pointer, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    number = ctypes.c_uint64
    library.stepsight_appender_new.argtypes = (ctypes.c_int32,)
    library.stepsight_appender_new.restype = pointer
    library.stepsight_appender_begin.argtypes = (pointer, ctypes.c_int32, pointer, pointer)
    library.stepsight_appender_begin.restype = None
    library.stepsight_appender_add.argtypes = (
        *(pointer, text, size, number, number, ctypes.c_uint32),
        *(text, size, text, size),
    )
    library.stepsight_appender_add.restype = ctypes.c_uint32
    library.stepsight_appender_end.argtypes = (pointer, ctypes.POINTER(Appended))
    library.stepsight_appender_end.restype = None
    library.stepsight_appender_drop.argtypes = (pointer,)
    library.stepsight_appender_drop.restype = None


for _library in (_brief, _long):
    if _library is not None:
        _declare(_library)


def is_there() -> bool:
    """Whether there can be an `Appender`; asked anew, since the library may be left out."""
    return handles()[0] is not None and hasattr(os, "eventfd")


class Appender:
    """One thread, for one open segment after the other.

    `event_fd` is an eventfd: the number of entries that are durable is added to it, and `FAILED`
    when a group failed. The bytes of an entry must stay until that. Thread-safe.
    """

    def __init__(self, event_fd: int) -> None:
        if _brief is None or _long is None:
            raise RuntimeError("the native library was not built")
        self._add: Callable[..., int] = _brief.stepsight_appender_add
        self._calls = CALLS
        self._handle: int | None = _brief.stepsight_appender_new(event_fd)
        if not self._handle:
            raise OSError("no thread can be started")
        # At the end of the interpreter, too, before the bytes that the thread reads are freed.
        self._drop = weakref.finalize(self, _long.stepsight_appender_drop, self._handle)

    def begin(self, descriptor: int) -> None:
        """Take entries for a file, which has to stay open until `end`."""
        if self._handle is not None and _brief is not None:
            _brief.stepsight_appender_begin(self._handle, descriptor, *self._calls)

    def add(self, entry: Entry) -> bool:
        """Queue an entry; False if it is not taken: before `begin`, after `end` or a failure."""
        project, client, body = entry.project.encode(), entry.client.encode(), entry.request
        taken = self._add(
            self._handle,
            body,
            len(body),
            entry.received_time_unix_nano,
            entry.records,
            entry.nested,
            project,
            len(project),
            client,
            len(client),
        )
        return taken != 0

    def end(self) -> Appended:
        """Take no more entries; returns once it is known what became of those taken. Blocks."""
        appended = Appended()
        if self._handle is not None and _long is not None:
            _long.stepsight_appender_end(self._handle, appended)
        return appended

    def close(self) -> None:
        """End the thread. Blocks for as long as the group that it works on takes."""
        self._drop()
        self._handle = None
