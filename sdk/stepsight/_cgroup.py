"""What the kernel's control group says about memory: version 2, and version 1 as older hosts have.

Read from outside the step: a process killed for memory cannot say so itself.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["describe", "memory_limit_bytes", "oom_kills"]

_ROOT = Path("/sys/fs/cgroup")
# Version 1 says "no limit" with the largest multiple of the page size.
_NO_LIMIT = 1 << 60


def oom_kills(root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")) -> int:
    """How many processes of this group the kernel killed for want of memory; 0 if unknown."""
    for folder in _folders(root, own):
        for name in ("memory.events", "memory.oom_control"):
            for line in _read(folder / name).splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill" and value.isdecimal():
                    return int(value)
    return 0


def memory_limit_bytes(root: Path = _ROOT, own: Path = Path("/proc/self/cgroup")) -> int:
    """The group's memory limit; 0 if there is none."""
    for folder in _folders(root, own):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(folder / name).strip()
            if text.isdecimal() and int(text) < _NO_LIMIT:
                return int(text)
    return 0


def describe(peak_bytes: int) -> str:
    """One line for a step that was killed for memory."""
    limit = memory_limit_bytes()
    of_limit = f" of {limit / 2**30:.1f} GiB allowed" if limit else ""
    return f"killed by the kernel, out of memory: used {peak_bytes / 2**30:.1f} GiB{of_limit}"


def _folders(root: Path, own: Path) -> list[Path]:
    """Where this process's memory files are: its own group first, then the top as mounted."""
    found = []
    for line in _read(own).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        below = path.lstrip("/")
        if not controllers:
            found += [root / below, root]
        elif "memory" in controllers.split(","):
            found += [root / "memory" / below, root / "memory"]
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
