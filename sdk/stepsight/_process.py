"""Memory and CPU time of processes, from the system's own accounts."""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ["own_use", "peak_memory_bytes", "tree_use"]


def own_use() -> dict[str, Any]:
    """Memory (bytes) and CPU time (s) of this process now; memory only where /proc tells it."""
    times = os.times()
    use: dict[str, Any] = {"process.cpu.time": times.user + times.system}
    memory = _memory_bytes("self")
    return {**use, "process.memory.usage": memory} if memory else use


def tree_use(pid: int) -> dict[str, Any]:
    """Memory and CPU time of a process and all that it started and that still live."""
    memory, ticks = 0, 0
    waiting, seen = [pid], set[int]()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        memory += _memory_bytes(str(current))
        # The fields after the name, which may hold spaces: utime and stime are 14 and 15 of all.
        fields = _read(f"/proc/{current}/stat").rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:13])
        waiting += map(int, _read(f"/proc/{current}/task/{current}/children").split())
    if not memory:
        return {}
    cpu_s = ticks / os.sysconf("SC_CLK_TCK")
    return {"process.memory.usage": memory, "process.cpu.time": cpu_s}


def peak_memory_bytes() -> int:
    """The largest resident size of this process so far; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _memory_bytes(pid: str) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - cheaper than Path
            return file.read()
    except OSError:  # not Linux, or the process is gone
        return ""
