"""Lets the native appender write and sync with the calls of `os` that tests replace."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stepsight_collector.native import appender
from stepsight_collector.wal import open_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Buffer(ctypes.Structure):
    """The kernel's iovec."""

    start: int
    length: int

    _fields_ = (("start", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _writes(descriptor: int, buffers: ctypes.Array[_Buffer], count: int) -> int:
    parts = [ctypes.string_at(buffers[at].start, buffers[at].length) for at in range(count)]
    return _or_errno(lambda: os.writev(descriptor, parts))


def _syncs(descriptor: int) -> int:
    return _or_errno(lambda: open_segment._sync(descriptor))


def _or_errno(call: Callable[[], int | None]) -> int:
    try:
        return call() or 0
    except OSError as exc:
        return -(exc.errno or 0)


_CALLS = appender.Calls(
    ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int32, ctypes.POINTER(_Buffer), ctypes.c_size_t)(
        _writes
    ),
    ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int32)(_syncs),
)


@contextmanager
def through_os() -> Iterator[None]:
    """For every appender that is made meanwhile."""
    before, appender.CALLS = appender.CALLS, _CALLS
    try:
        yield
    finally:
        appender.CALLS = before
