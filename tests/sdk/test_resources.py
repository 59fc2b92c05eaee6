"""What heartbeats say about process and machine."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

from stepsight._gpu import Gpus
from stepsight._process import own_use, system_memory, tree_use
from stepsight._resources import MachineUse, disk_use

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_process_knows_its_threads_and_files(tmp_path: Path) -> None:
    before = own_use()
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with (tmp_path / "file").open("w"):
        during = own_use()
    done.set()
    thread.join()

    assert during["process.thread.count"] == before["process.thread.count"] + 1
    assert (
        during["process.unix.file_descriptor.count"]
        == before["process.unix.file_descriptor.count"] + 1
    )
    assert (
        during["stepsight.file_descriptor.limit"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    )
    assert during["process.memory.usage"] > 5 << 20


def test_a_tree_is_added_up_from_outside() -> None:
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True);"
    nested += " input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        use = tree_use(process.pid)
        process.communicate(b"\n")

    assert use["stepsight.process.count"] == 2
    assert use["process.thread.count"] == 2
    assert use["process.memory.usage"] > 8 << 20
    assert use["process.unix.file_descriptor.count"] > 5


def test_a_process_that_is_gone_has_no_use() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert tree_use(process.pid) == {}


def test_the_machines_memory_is_known() -> None:
    found = system_memory()

    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found["system.memory.limit"] == total
    assert 0 < found["system.linux.memory.available"] <= total


def test_disks_are_those_of_the_working_and_the_temporary_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    same = disk_use()
    monkeypatch.setenv("TMPDIR", "/proc")  # a file system of its own
    other = disk_use()

    assert set(same) == {"system.filesystem.free", "system.filesystem.limit"}
    assert 0 < same["system.filesystem.free"] <= same["system.filesystem.limit"]
    assert other["stepsight.temp.filesystem.free"] == 0


def test_a_question_that_hangs_does_not_keep_the_heartbeat() -> None:
    asked, gate = threading.Event(), threading.Event()
    answers = iter(({"system.filesystem.free": 1}, {"system.filesystem.free": 2}))

    def slow() -> dict[str, Any]:
        answer = next(answers)
        if answer["system.filesystem.free"] == 2:
            asked.set()
            gate.wait(30)
        return answer

    machine = MachineUse(slow)
    first = machine.read(60)
    while_hanging = machine.read(60)
    assert asked.wait(30)
    too_old = machine.read(0)
    gate.set()

    assert first["system.filesystem.free"] == 1
    assert while_hanging["system.filesystem.free"] == 1
    assert "system.filesystem.free" not in too_old


class NVMLError(Exception):
    """As pynvml has it."""


def fake_pynvml(**changes: Any) -> Any:
    module = types.ModuleType("pynvml")
    functions: dict[str, Any] = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetMemoryInfo": lambda handle: types.SimpleNamespace(
            used=(handle + 1) << 30, total=80 << 30
        ),
        "nvmlDeviceGetName": lambda handle: f"H100 {handle}".encode(),
        "nvmlDeviceGetUtilizationRates": lambda handle: types.SimpleNamespace(gpu=50 * handle),
        **changes,
    }
    for name, function in functions.items():
        setattr(module, name, function)
    return module


def raise_nvml(*_: Any) -> None:
    raise NVMLError("Driver Not Loaded")


MEMORY = {
    "hw.gpu.memory.usage": [1 << 30, 2 << 30],
    "hw.gpu.memory.limit": [80 << 30, 80 << 30],
    "hw.gpu.model": ["H100 0", "H100 1"],
}


def test_gpus_are_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_pynvml())

    assert Gpus((str(tmp_path),)).use() == {"hw.gpu.utilization": [0.0, 0.5], **MEMORY}


def test_a_part_of_a_gpu_tells_its_memory_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = fake_pynvml(nvmlDeviceGetUtilizationRates=raise_nvml)
    monkeypatch.setitem(sys.modules, "pynvml", fake)

    assert Gpus((str(tmp_path),)).use() == MEMORY


def test_a_driver_that_fails_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []

    def init() -> None:
        calls.append(1)
        raise_nvml()

    monkeypatch.setitem(sys.modules, "pynvml", fake_pynvml(nvmlInit=init))
    gpus = Gpus((str(tmp_path),))

    assert (gpus.use(), gpus.use(), len(calls)) == ({}, {}, 1)


def test_without_a_device_the_library_is_not_imported(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom stepsight._gpu import Gpus\n"
        f"assert Gpus((r'{tmp_path}/none',)).use() == {{}}\n"
        "assert 'pynvml' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", script], check=True)


def test_without_the_library_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)

    assert Gpus((str(tmp_path),)).use() == {}


SUPERVISED = """
import sys, threading
from stepsight import _supervisor
told = threading.Event()
read = _supervisor.tree_use
def noted(pid):
    told.set()
    return read(pid)
_supervisor.tree_use = noted
code = "import stepsight, sys; stepsight.init(); sys.stdin.read()"
import os
end, begin = os.pipe()
os.dup2(end, 0)
threading.Thread(target=lambda: (told.wait(30), os.close(begin)), daemon=True).start()
os.set_inheritable(begin, False)
sys.exit(_supervisor.supervise([sys.executable, "-c", code]))
"""


def test_a_supervisor_says_the_same_from_outside_and_the_machine_once(
    receiver: Any, tmp_path: Path
) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STEPSIGHT_")}
    environ = {
        **kept,
        "STEPSIGHT_ENDPOINT": receiver.endpoint,
        "STEPSIGHT_SPOOL": str(tmp_path),
        "STEPSIGHT_HEARTBEAT_S": "0.2",
    }
    subprocess.run([sys.executable, "-c", SUPERVISED], env=environ, check=True, timeout=60)

    beats: dict[str, set[str]] = {}
    for record in receiver.records():
        if record.event_name == "stepsight.step.heartbeat":
            found = {item.key: item.value.string_value for item in record.attributes}
            beats[found["stepsight.witness"]] = set(found)
    assert {
        "stepsight.process.count",
        "process.thread.count",
        "process.unix.file_descriptor.count",
        "system.filesystem.free",
        "system.memory.limit",
    } <= beats["supervisor"]
    assert not {key for key in beats.get("process", ()) if key.startswith("system.")}


SUPERVISE = """
import sys
from stepsight import _cgroup, _supervisor
kills = iter({kills})
_cgroup.oom_kills = lambda: next(kills)
_cgroup.memory_limit_bytes = lambda: 1 << 30
sys.exit(_supervisor.supervise(["sh", "-c", {command!r}]))
"""


def ending_of(
    receiver: Any, tmp_path: Path, script: str, **more: str
) -> tuple[str, dict[str, Any]]:
    """Name and attributes of the last event of a supervised command."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STEPSIGHT_")}
    environ = {**kept, "STEPSIGHT_ENDPOINT": receiver.endpoint, "STEPSIGHT_SPOOL": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env={**environ, **more}, check=False, timeout=60)
    last = next(record for record in reversed(receiver.records()) if record.event_name)
    values = {
        item.key: getattr(item.value, item.value.WhichOneof("value")) for item in last.attributes
    }
    return last.event_name, values


def test_a_step_killed_for_memory_says_so(receiver: Any, tmp_path: Path) -> None:
    script = SUPERVISE.format(kills=[3, 4], command="kill -9 $$")

    event, end = ending_of(receiver, tmp_path, script)

    assert (event, end["stepsight.status"], end["stepsight.oom_kills"]) == (
        "stepsight.step.end",
        "Failed",
        1,
    )
    assert end["exception.type"] == "OutOfMemoryKilled"
    assert end["exception.message"].endswith(" of 1.00 GiB allowed")


def test_a_child_killed_for_memory_is_told_beside_the_steps_own_failure(
    receiver: Any, tmp_path: Path
) -> None:
    script = SUPERVISE.format(kills=[3, 5], command="exit 1")

    _, end = ending_of(receiver, tmp_path, script)

    assert (end["process.exit.code"], end["stepsight.oom_kills"]) == (1, 2)
    assert "exception.type" not in end


def test_a_kill_without_want_of_memory_is_only_a_kill(receiver: Any, tmp_path: Path) -> None:
    script = SUPERVISE.format(kills=[3, 3], command="kill -9 $$")

    _, end = ending_of(receiver, tmp_path, script)

    assert end["process.exit.signal"] == "SIGKILL"
    assert not {"stepsight.oom_kills", "exception.type"} & set(end)


def test_the_supervisor_of_another_rank_leaves_start_and_end_to_rank_0(
    receiver: Any, tmp_path: Path
) -> None:
    script = SUPERVISE.format(kills=[0, 0], command="exit 7")

    event, last = ending_of(
        receiver, tmp_path, script, RANK="1", WORLD_SIZE="2", TORCHELASTIC_RUN_ID="job"
    )

    names = {record.event_name for record in receiver.records()} - {""}
    assert names == {"stepsight.step.heartbeat"}
    assert (event, last["process.exit.code"]) == ("stepsight.step.heartbeat", 7)
    assert "/v1/traces" not in {path for path, _, _ in receiver.requests}


def test_a_heartbeats_reading_costs_less_than_a_millisecond() -> None:
    machine = MachineUse(disk_use)
    machine.read(60)
    rounds = 200
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(rounds):
        own_use()
        machine.read(60)
    after = resource.getrusage(resource.RUSAGE_SELF)

    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent_s / rounds < 0.001
