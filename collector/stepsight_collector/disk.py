"""How much room is left on the volumes of the write-ahead log and of the embedded store.

Asked once a second, not for each request. What follows from it happens at the door:
receivers/ingest.py.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    DiskState = Literal["ok", "low", "full"]

__all__ = ["DiskWatch", "store_directory"]

_log = logging.getLogger("stepsight.disk")


class DiskWatch:
    """Knows the state of the disk as of the last `look`.

    `low`: one of the volumes has less than `low_bytes`, so DEBUG records are shed. `full`: the
    write-ahead log's volume has less than `full_bytes`, so requests are refused. A full store
    volume alone is no reason to refuse: the log keeps what the store cannot take yet.
    """

    def __init__(
        self,
        wal: Path,
        store: Path | None,
        low_bytes: int,
        full_bytes: int,
        *,
        free_bytes: Callable[[Path], int] | None = None,
    ) -> None:
        self.state: DiskState = "ok"
        self.free_bytes: dict[str, int] = {}
        self._volumes = {"wal": wal} | ({"store": store} if store else {})
        self._low_bytes = low_bytes
        self._full_bytes = full_bytes
        self._ask = free_bytes or _free_bytes

    def look(self) -> None:
        """Ask for the free room of each volume; a volume that cannot be asked keeps its figure."""
        for name, path in self._volumes.items():
            self._look_at(name, path)
        before, self.state = self.state, self._judge()
        if self.state != "ok":
            _log.warning("%s", self.message())
        elif before != "ok":
            _log.warning("the disk has room again; everything is kept")

    def _look_at(self, name: str, path: Path) -> None:
        try:
            self.free_bytes[name] = self._ask(path)
        except OSError as exc:
            _log.warning("the free room of %s cannot be told: %s", path, exc)

    def message(self) -> str | None:
        """Say what is wrong and what is done about it; None while there is room."""
        free = ", ".join(f"{room} bytes free for the {name}" for name, room in self._sorted())
        if self.state == "low":
            return (
                f"The disk is low ({free}; low is below {self._low_bytes}): DEBUG log records are "
                "shed. Free some room, or lower STEPSIGHT_DISK_LOW_BYTES."
            )
        if self.state == "full":
            return (
                f"The disk is full ({free}; full is below {self._full_bytes}): requests are "
                "refused until there is room, senders keep their data."
            )
        return None

    def _sorted(self) -> list[tuple[str, int]]:
        return sorted(self.free_bytes.items())

    def _judge(self) -> DiskState:
        if self.free_bytes.get("wal", self._full_bytes) < self._full_bytes:
            return "full"
        is_low = any(room < self._low_bytes for room in self.free_bytes.values())
        return "low" if is_low else "ok"


def store_directory(url: str) -> Path | None:
    """Return the directory of an embedded store; None for a server's."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "chdb" else None


def _free_bytes(path: Path) -> int:
    room = os.statvfs(path)
    return room.f_bavail * room.f_frsize
