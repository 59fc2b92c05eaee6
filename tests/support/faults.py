"""Makes the n-th I/O call under a directory fail, fall short, or be the last one of the process.

Every call of `os` that the write-ahead log makes on a file in the directory is counted, and so is
every step that `reach` is called for.
"""

from __future__ import annotations

import errno
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import native_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

How = Literal["none", "error", "full", "short", "kill", "power"]

_NAMES = (
    *("mkdir", "replace", "unlink", "scandir", "stat", "open", "close", "writev", "read"),
    *("fsync", "fdatasync", "ftruncate", "lseek", "fstat"),
)
_NEED_ROOM = frozenset(("writev", "mkdir", "replace"))
KILLED = 37  # exit status


@dataclass
class Faults:
    """Fail call number `at` (from 1) of those under `directory`.

    `error` raises one once (ENOSPC or EIO by turns), `full` ENOSPC from then on wherever room is
    needed; `short` writes half; `kill` ends the process instead of the call, or after half a write;
    `power` too, and everything that was not synced is gone.
    """

    directory: Path
    at: int = 0
    how: How = "none"
    calls: list[str] = field(default_factory=list)
    _open: dict[int, str] = field(default_factory=dict)  # paths of descriptors
    _synced: dict[str, int] = field(default_factory=dict)  # bytes of each file that are on disk
    _undo: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in _NAMES}

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stand between `os` and its callers."""
        from stepsight_collector.wal import open_segment

        sync = open_segment._sync
        try:
            for name in self._real:
                setattr(os, name, self._wrapped(name))
            open_segment._sync = os.fdatasync
            with native_calls.through_os():
                yield
        finally:
            open_segment._sync = sync
            for name, function in self._real.items():
                setattr(os, name, function)

    def reach(self, name: str) -> None:
        """Count a step that is no call of `os`; raises OSError if it is the one to fail."""
        with self._lock:
            self.calls.append(name)
            if len(self.calls) == self.at:
                if self.how in {"error", "full"}:
                    raise OSError(errno.EIO, "injected")
                self._end()

    def _wrapped(self, name: str) -> Callable[..., Any]:
        def call(first: Any = ".", *rest: Any, **named: Any) -> Any:
            place = self._place(first)
            if place is None:
                return self._real[name](first, *rest, **named)
            with self._lock:  # at the end no other thread goes on
                return counted(place, first, rest, named)

        def counted(place: str, first: Any, rest: tuple[Any, ...], named: dict[str, Any]) -> Any:
            self.calls.append(name)
            number = len(self.calls)
            if self.at and (number == self.at or (self.how == "full" and number > self.at)):
                written = self._fail(name, first, rest)
                if written is not None:
                    return written
            if name == "close":  # before, because another thread may get the same number
                del self._open[first]
            undo = self._before(name, place, rest)
            result = self._real[name](first, *rest, **named)
            self._after(name, place, undo, first, result)
            return result

        return call

    def _place(self, first: Any) -> str | None:
        if isinstance(first, int):
            return self._open.get(first)
        text = os.fspath(first)
        return text if isinstance(text, str) and text.startswith(str(self.directory)) else None

    def _fail(self, name: str, first: Any, rest: tuple[Any, ...]) -> int | None:
        """Do what `how` says; returns what a short write wrote, None to go on with the call."""
        if self.how == "full" and name not in _NEED_ROOM:
            return None
        if self.how in {"error", "full"}:
            error = errno.EIO if self.how == "error" and self.at % 2 else errno.ENOSPC
            if name == "close":  # it is closed all the same
                self._real[name](first)
                del self._open[first]
            raise OSError(error, os.strerror(error))
        if name == "writev" and self.how in {"short", "kill", "power"}:
            data = b"".join(bytes(part) for part in rest[0])
            written: int = self._real["writev"](first, [data[: max(1, len(data) // 2)]])
            if self.how == "short":
                return written
        self._end()
        return None

    def _end(self) -> None:
        how, self.how, self.at = self.how, "none", 0
        if how == "power":
            self._cut_power()
        if how in {"kill", "power"}:
            os._exit(KILLED)

    def _before(self, name: str, place: str, rest: tuple[Any, ...]) -> Callable[[], object] | None:
        """How to take a change of names back that the directory was not synced after."""
        if self.how != "power":
            return None
        path = Path(place)
        if name == "open" and rest and rest[0] & os.O_CREAT and not path.exists():
            self._synced[place] = 0
            return lambda: path.unlink(missing_ok=True)
        if name == "unlink" and path.exists():
            data = path.read_bytes()
            return lambda: path.write_bytes(data)
        if name == "replace":
            target, fresh = Path(rest[0]), path.read_bytes()
            old = target.read_bytes() if target.exists() else None

            def take_back() -> None:
                target.unlink()
                if old is not None:
                    target.write_bytes(old)
                path.write_bytes(fresh)

            self._synced[str(target)] = self._synced.get(place, len(fresh))
            return take_back
        return None

    def _after(
        self, name: str, place: str, undo: Callable[[], object] | None, first: Any, result: Any
    ) -> None:
        if undo is not None:
            self._undo.append((str(Path(place).parent), undo))
        if name == "open":
            self._open[result] = place
        elif name in {"fsync", "fdatasync"} and self.how == "power":
            if self._real["stat"](place).st_mode & 0o040000:
                self._undo = [each for each in self._undo if each[0] != place]
            else:
                self._synced[place] = self._real["stat"](place).st_size

    def _cut_power(self) -> None:
        for place, size in self._synced.items():
            if Path(place).exists() and Path(place).stat().st_size > size:
                os.truncate(place, size)
        for _, undo in reversed(self._undo):
            undo()
