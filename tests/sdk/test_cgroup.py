"""Control groups as kernels lay them out: version 2, version 1, nested, and none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepsight import _cgroup

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30


def write(root: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")


V2 = {
    "cgroup.controllers": "cpu memory",
    "memory.current": 3 * GIB,
    "memory.peak": 4 * GIB,
    "memory.max": 8 * GIB,
    "memory.stat": f"anon 5\ninactive_file {GIB}\nactive_file 7",
    "memory.events": "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0",
    "cpu.stat": "usage_usec 2500000\nuser_usec 1",
    "cpu.max": "150000 100000",
}
V1 = {
    "memory/memory.usage_in_bytes": 3 * GIB,
    "memory/memory.max_usage_in_bytes": 4 * GIB,
    "memory/memory.limit_in_bytes": 8 * GIB,
    "memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB}",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1",
    "cpu,cpuacct/cpuacct.usage": 2_500_000_000,
    "cpu,cpuacct/cpu.cfs_quota_us": 150000,
    "cpu,cpuacct/cpu.cfs_period_us": 100000,
}
OWN_V1 = "9:memory:{path}\n4:cpu,cpuacct:{path}\n1:name=systemd:{path}\n"
USE = {
    "container.memory.usage": 3 * GIB,
    "container.memory.working_set": 2 * GIB,
    "stepsight.container.memory.peak": 4 * GIB,
    "stepsight.container.memory.limit": 8 * GIB,
    "stepsight.container.oom_kills": 1,
    "container.cpu.time": 2.5,
    "stepsight.container.cpu.limit": 1.5,
}


def layout(tmp_path: Path, kind: str) -> tuple[Path, Path]:
    """Root and own-group file; within a container the own group often is the root as mounted."""
    root, own = tmp_path / "cgroup", tmp_path / "self"
    if kind == "v2":
        write(root, V2)
        own.write_text("0::/\n")
    elif kind == "v2 by path":
        write(root, {"cgroup.controllers": "cpu memory"})
        write(root / "kubepods/pod7/c1", V2)
        own.write_text("0::/kubepods/pod7/c1\n")
    elif kind == "v2 under another name":
        write(root, V2)
        own.write_text("0::/docker/not-mounted-here\n")
    elif kind == "v1":
        write(root, V1)
        own.write_text(OWN_V1.format(path="/docker/not-mounted-here"))
    else:
        write(root, {name.replace("/", "/docker/c1/"): value for name, value in V1.items()})
        own.write_text(OWN_V1.format(path="/docker/c1"))
    return root, own


KINDS = ("v2", "v2 by path", "v2 under another name", "v1", "v1 by path")


@pytest.mark.parametrize("kind", KINDS)
def test_use_and_limits_are_those_of_the_container(tmp_path: Path, kind: str) -> None:
    root, own = layout(tmp_path, kind)

    assert _cgroup.container_use(root, own) == USE


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_for_memory_is_counted(tmp_path: Path, kind: str) -> None:
    root, own = layout(tmp_path, kind)

    assert _cgroup.oom_kills(root, own) == 1


def test_the_tightest_limit_of_nested_groups_counts(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "self"
    write(root, {"cgroup.controllers": "memory"})
    write(root / "pod", {"memory.max": 2 * GIB})
    write(root / "pod/c1", {"memory.max": "max", "memory.current": GIB})
    own.write_text("0::/pod/c1\n")

    assert _cgroup.memory_limit_bytes(root, own) == 2 * GIB
    assert _cgroup.container_use(root, own)["container.memory.usage"] == GIB


def test_a_kill_in_a_group_below_does_not_hide_behind_an_own_count_of_none(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "self"
    write(root, {"cgroup.controllers": "memory", "memory.events": "oom_kill 9"})
    write(root / "c1", {"memory.events": "oom 0\noom_kill 0"})
    own.write_text("0::/c1\n")

    assert _cgroup.oom_kills(root, own) == 0


def test_the_largest_number_of_version_1_is_no_limit(tmp_path: Path) -> None:
    root, own = layout(tmp_path, "v1")
    write(root, {"memory/memory.limit_in_bytes": 9223372036854771712})

    assert _cgroup.memory_limit_bytes(root, own) == 0


def test_the_whole_machine_is_no_container(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "self"
    write(root, {**V2, "memory.max": "max"})
    own.write_text("0::/\n")

    assert _cgroup.container_use(root, own) == {}


def test_a_system_without_groups_says_nothing(tmp_path: Path) -> None:
    none = tmp_path / "none"

    assert _cgroup.container_use(none, none) == {}
    assert (_cgroup.oom_kills(none, none), _cgroup.memory_limit_bytes(none, none)) == (0, 0)
