"""Segments as rows: made by the native library, inserted past the views that unfold requests.

Called by loader.py, on a thread. A segment that is inserted again must go the same way, since the
store knows a segment again only by its token and its way. So the way is noted in the log's
directory, and changes only when no segment is left that may have gone the other one.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from stepsight_collector import native
from stepsight_collector.errors import StorageError
from stepsight_collector.wal import replace_file, segment_files

if TYPE_CHECKING:
    from stepsight_collector.store import Store
    from stepsight_collector.wal import SegmentInfo, Signal

__all__ = ["RowMaker"]

_log = logging.getLogger("stepsight.loader")

SIGNALS_WITH_ROWS: tuple[Signal, ...] = ("logs", "traces")
VIEWS = "views"
# Raise the number when the library leaves other segments to the views than it did.
ROWS = "rows-1"
_NOTE = "way"


class RowMaker:
    """Inserts segments of a log as rows. One thread for each signal may call at a time.

    Make it before the log is opened. Raises StorageError if a note cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self._files = _memory_files() if native.is_there() else {}
        self._ways = {
            signal: _Way(directory / signal, ROWS if signal in self._files else VIEWS)
            for signal in SIGNALS_WITH_ROWS
        }

    def insert(self, store: Store, segment: SegmentInfo) -> bool:
        """Store a segment as rows; False if it is to be stored as it is.

        Raises what `Store.insert` does, and OSError if the segment cannot be read.
        """
        signal = segment.signal
        way = self._ways.get(signal)
        if way is None or way.of(segment.path) != ROWS or segment.nested:
            return False
        descriptor = self._files[signal]
        try:
            if native.write_rows(signal, segment.path, segment.size_bytes, descriptor) is None:
                return False
            store.insert_rows(signal, Path(f"/proc/self/fd/{descriptor}"), segment.token)
        finally:
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True


class _Way:
    """By which way segments of a signal go, noted beside them."""

    def __init__(self, directory: Path, wanted: str) -> None:
        self._note = directory / _NOTE
        self._wanted = wanted
        self._noted = _read(self._note)
        # Each of them may have been inserted before, by the way that is noted.
        self._unsure = set() if self._noted == wanted else set(segment_files(directory))
        if self._unsure and self._noted not in {VIEWS, wanted}:
            _log.warning(
                "%d segments in %s may have been inserted as %s, which is not possible now. Those "
                "that the collector had no time to delete are stored a second time.",
                len(self._unsure),
                directory,
                self._noted,
            )

    def of(self, path: Path) -> str:
        """Return the way of a segment that is about to be inserted."""
        if self._noted == self._wanted:
            return self._wanted
        self._unsure = {each for each in self._unsure if each.exists()}
        if not self._unsure:
            try:
                replace_file(self._note, [f"{self._wanted}\n".encode()])
                self._noted = self._wanted
            except OSError as exc:
                _log.warning("%s cannot be written, will be tried again: %s", self._note, exc)
        if self._noted == self._wanted or self._noted != VIEWS:
            return self._wanted
        self._unsure.add(path)
        return self._noted


def _read(note: Path) -> str:
    """The way that is noted; before there were notes, there was one way."""
    try:
        return note.read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return VIEWS
    except OSError as exc:
        raise StorageError(f"{note} cannot be read: {exc}. Check the disk and its rights.") from exc


def _memory_files() -> dict[Signal, int]:
    """Files in memory through which blocks go to the engine; none where that is not possible."""
    if not hasattr(os, "memfd_create") or not Path("/proc/self/fd").is_dir():
        return {}
    try:
        return {signal: os.memfd_create(f"stepsight-{signal}") for signal in SIGNALS_WITH_ROWS}
    except OSError as exc:
        _log.warning("no file in memory, segments are stored without the native library: %s", exc)
        return {}
