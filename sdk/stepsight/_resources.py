"""What a heartbeat says about the machine: container, memory, disks and GPUs.

What may hang (a mount whose server is away, a GPU's driver) is asked on a thread of its own, for
the worker's thread has records to send. Names: docs/reference/telemetry.md.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from stepsight._cgroup import container_use
from stepsight._gpu import Gpus
from stepsight._process import system_memory
from stepsight._settings import temporary_directory

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MachineUse", "disk_use"]

# A healthy disk and driver answer within it; a heartbeat does not wait longer.
PATIENCE_S = 0.05


class MachineUse:
    """Reads the machine's use for one process. A forked child makes its own."""

    def __init__(self, slow: Callable[[], dict[str, Any]] | None = None) -> None:
        gpus = Gpus()
        self._slow = slow or (lambda: {**disk_use(), **gpus.use()})
        self._thread: threading.Thread | None = None
        self._asked = threading.Semaphore(0)
        self._answered = threading.Event()
        self._answer: tuple[float, dict[str, Any]] = (0.0, {})

    def read(self, max_age_s: float) -> dict[str, Any]:
        """Everything now; what hangs is as it was last said, or left out beyond `max_age_s`."""
        self._ask()
        self._answered.wait(PATIENCE_S)
        said_at, slow = self._answer
        fresh = slow if time.monotonic() - said_at <= max_age_s else {}
        return {**container_use(), **system_memory(), **fresh}

    def _ask(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="stepsight-machine", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # interpreter shutdown
                return
            self._thread = thread
            self._answered.set()
        if self._answered.is_set():  # else it still hangs in the last question
            self._answered.clear()
            self._asked.release()

    def _run(self) -> None:
        while True:
            self._asked.acquire()
            try:
                self._answer = time.monotonic(), self._slow()
            except Exception as exc:  # noqa: BLE001 - a heartbeat goes on without it
                from stepsight._client import count_internal_error

                count_internal_error("machine use", exc)
            self._answered.set()


def disk_use() -> dict[str, Any]:
    """Free bytes and size of the working directory's disk, and of the temporary one's if other."""
    if not hasattr(os, "statvfs"):
        return {}
    use: dict[str, Any] = {}
    try:
        here = os.statvfs(".")
        use["system.filesystem.free"] = here.f_bavail * here.f_frsize
        use["system.filesystem.limit"] = here.f_blocks * here.f_frsize
    except OSError:  # the working directory is gone
        here = None
    try:
        temporary = os.statvfs(temporary_directory())
    except OSError:
        return use
    if here is None or _disk(here) != _disk(temporary):
        use["stepsight.temp.filesystem.free"] = temporary.f_bavail * temporary.f_frsize
    return use


def _disk(found: os.statvfs_result) -> tuple[int, int]:
    return found.f_fsid, found.f_blocks
