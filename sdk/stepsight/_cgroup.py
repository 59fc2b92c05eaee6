"""What the kernel's control group says of memory and CPU: version 2, and version 1 of older hosts.

Read from outside the step where a kill is in question: a process killed for memory cannot say so
itself. Files: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import os
from typing import Any

__all__ = ["container_use", "describe", "memory_limit_bytes", "oom_kills"]

_ROOT = "/sys/fs/cgroup"
_OWN = "/proc/self/cgroup"
# Version 1 says "no limit" with the largest multiple of the page size.
_NO_LIMIT = 1 << 60


def oom_kills(root: str | os.PathLike[str] = _ROOT, own: str | os.PathLike[str] = _OWN) -> int:
    """How many processes of this group the kernel killed for want of memory; 0 if unknown."""
    for folder in _folders(root, own, "memory"):
        for name in ("memory.events", "memory.oom_control"):
            counts = _pairs(f"{folder}/{name}")
            if "oom_kill" in counts:
                return counts["oom_kill"]
    return 0


def memory_limit_bytes(
    root: str | os.PathLike[str] = _ROOT, own: str | os.PathLike[str] = _OWN
) -> int:
    """The tightest memory limit of the group and of all above it; 0 if there is none."""
    limits = [
        limit
        for folder in _folders(root, own, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if 0 < (limit := _number(f"{folder}/{name}")) < _NO_LIMIT
    ]
    return min(limits, default=0)


def container_use(
    root: str | os.PathLike[str] = _ROOT, own: str | os.PathLike[str] = _OWN
) -> dict[str, Any]:
    """Memory (bytes), CPU time (s) and CPUs of the container; empty outside of one.

    A group without a limit at the top of its hierarchy is taken for the whole machine.
    """
    memory = _folders(root, own, "memory")
    limit = memory_limit_bytes(root, own)
    if not memory or not (limit or len(memory) > 1):
        return {}
    group = next((folder for folder in memory if os.path.isdir(folder)), memory[-1])  # noqa: PTH112
    use = _memory_use(group)
    if limit:
        use["stepsight.container.memory.limit"] = limit
    use["stepsight.container.oom_kills"] = oom_kills(root, own)
    return {**use, **_cpu_use(root, own)}


def describe(peak_bytes: int) -> str:
    """One line for a step that was killed for memory."""
    limit = memory_limit_bytes()
    of_limit = f" of {_size(limit)} allowed" if limit else ""
    return f"killed by the kernel, out of memory: used {_size(peak_bytes)}{of_limit}"


def _size(number: int) -> str:
    """Three digits tell how near the limit it was: `143 MiB`, `7.85 GiB`."""
    return f"{number / 2**20:.0f} MiB" if number < 2**30 else f"{number / 2**30:.2f} GiB"


def _memory_use(group: str) -> dict[str, Any]:
    usage = _number(f"{group}/memory.current", f"{group}/memory.usage_in_bytes")
    peak = _number(f"{group}/memory.peak", f"{group}/memory.max_usage_in_bytes")
    use: dict[str, Any] = {}
    if usage > 0:
        # Files that may be dropped at once count as use; what kills is the working set.
        stat = _pairs(f"{group}/memory.stat")
        inactive = stat.get("total_inactive_file", stat.get("inactive_file", 0))
        use["container.memory.usage"] = usage
        use["container.memory.working_set"] = max(0, usage - inactive)
    if peak > 0:
        use["stepsight.container.memory.peak"] = peak
    return use


def _cpu_use(root: str | os.PathLike[str], own: str | os.PathLike[str]) -> dict[str, Any]:
    use: dict[str, Any] = {}
    for folder in _folders(root, own, "cpuacct"):
        spent_us = _pairs(f"{folder}/cpu.stat").get("usage_usec", 0)
        spent_ns = _number(f"{folder}/cpuacct.usage")
        if spent_us or spent_ns > 0:
            use["container.cpu.time"] = spent_us / 1e6 if spent_us else spent_ns / 1e9
            break
    cpus = [limit for folder in _folders(root, own, "cpu") if (limit := _cpus(folder)) > 0]
    return {**use, "stepsight.container.cpu.limit": min(cpus)} if cpus else use


def _cpus(folder: str) -> float:
    quota, _, period = _read(f"{folder}/cpu.max").strip().partition(" ")
    if not quota:
        quota = _read(f"{folder}/cpu.cfs_quota_us").strip()
        period = _read(f"{folder}/cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else 0.0


def _folders(
    root: str | os.PathLike[str], own: str | os.PathLike[str], controller: str
) -> list[str]:
    """The group of this process, then each above it up to the top as mounted.

    A container often sees its own group mounted as the top, whatever path it is told.
    """
    for line in _read(os.fspath(own)).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers and os.path.exists(f"{root}/cgroup.controllers"):  # noqa: PTH110
            return _upwards(os.fspath(root), path)
        if controller in controllers.split(","):
            for name in (controllers, controller):
                if os.path.isdir(f"{root}/{name}"):  # noqa: PTH112 - cheaper than Path
                    return _upwards(f"{root}/{name}", path)
    return []


def _upwards(top: str, path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in {"", ".."}]
    return ["/".join([top, *parts[:count]]) for count in range(len(parts), -1, -1)]


def _pairs(path: str) -> dict[str, int]:
    pairs = (line.partition(" ") for line in _read(path).splitlines())
    return {key: int(value) for key, _, value in pairs if value.isdecimal()}


def _number(*paths: str) -> int:
    for path in paths:
        text = _read(path).strip()
        if text.isdecimal():
            return int(text)
    return -1


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - as above
            return file.read()
    except OSError:
        return ""
