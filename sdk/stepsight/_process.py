"""Memory, CPU time, threads and open files of processes, from the system's own accounts."""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ["own_use", "peak_memory_bytes", "system_memory", "tree_use"]

# In /proc/*/stat, counted behind the name, which may hold spaces.
_UTIME, _STIME, _THREADS = 11, 12, 17


def own_use() -> dict[str, Any]:
    """Memory (bytes), CPU time (s), threads and open files of this process now.

    All but the CPU time only where /proc tells it.
    """
    times = os.times()
    use: dict[str, Any] = {"process.cpu.time": times.user + times.system}
    memory = _memory_bytes("self")
    if memory:
        use["process.memory.usage"] = memory
        use["process.thread.count"] = _stat_fields("self")[_THREADS]
        use["process.unix.file_descriptor.count"] = _open_files("self")
        use["stepsight.file_descriptor.limit"] = _file_limit()
    return use


def tree_use(pid: int) -> dict[str, Any]:
    """The same of a process and all that it started and that still live, added up."""
    memory = ticks = threads = files = 0
    waiting, seen = [pid], set[int]()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        memory += _memory_bytes(str(current))
        files += _open_files(str(current))
        fields = _stat_fields(str(current))
        ticks += sum(fields[_UTIME : _STIME + 1])
        threads += fields[_THREADS] if len(fields) > _THREADS else 0
        waiting += map(int, _read(f"/proc/{current}/task/{current}/children").split())
    if not memory:
        return {}
    return {
        "process.memory.usage": memory,
        "process.cpu.time": ticks / os.sysconf("SC_CLK_TCK"),
        "process.thread.count": threads,
        "process.unix.file_descriptor.count": files,
        "stepsight.process.count": len(seen),
    }


def peak_memory_bytes() -> int:
    """The largest resident size of this process so far; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def system_memory() -> dict[str, int]:
    """The machine's memory and how much of it is to be had, in bytes; empty if not Linux."""
    found = {}
    for line in _read("/proc/meminfo", 256).splitlines():
        name, _, rest = line.partition(":")
        if name in {"MemTotal", "MemAvailable"}:
            found[name] = int(rest.split()[0]) * 1024
    keys = {"MemTotal": "system.memory.limit", "MemAvailable": "system.linux.memory.available"}
    return {keys[name]: value for name, value in found.items()}


def _memory_bytes(pid: str) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _stat_fields(pid: str) -> list[int]:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return [int(field) if field.isdecimal() else 0 for field in fields[: _THREADS + 1]]


def _open_files(pid: str) -> int:
    folder = f"/proc/{pid}/fd"
    try:
        # Since Linux 6.2 the directory's size is their number, whatever it is.
        return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208 - cheaper
    except OSError:  # gone, or another user's
        return 0


def _file_limit() -> int:
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return soft if soft != resource.RLIM_INFINITY else -1


def _read(path: str, size: int = -1) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - cheaper than Path
            return file.read(size)
    except OSError:  # not Linux, or the process is gone
        return ""
