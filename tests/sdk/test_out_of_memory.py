"""A step that the kernel kills for memory, in a control group with a limit of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_BYTES = 150 << 20
SCRIPT = """
import sys
held = []
print("reading the file", flush=True)
while True:
    held.append(bytearray(b"x") * (10 << 20))
    print("holding", len(held) * 10, "MiB", flush=True)
"""
V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@pytest.fixture
def group() -> Iterator[Path]:
    """A memory group with a limit and no swap; needs the right to make one."""
    root, limit = (V1, "memory.limit_in_bytes") if V1.is_dir() else (V2, "memory.max")
    path = root / f"stepsight-{secrets.token_hex(4)}"
    try:
        path.mkdir()
        (path / limit).write_text(str(LIMIT_BYTES))
    except OSError as exc:
        if path.is_dir():
            path.rmdir()
        pytest.skip(f"no memory group can be made here: {exc}")
    yield path
    path.rmdir()


def test_a_step_killed_for_memory_says_so(receiver: Any, group: Path, tmp_path: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STEPSIGHT_")}
    supervised = [sys.executable, "-m", "stepsight._cli.main", "run", "--", sys.executable, "-c"]
    done = subprocess.run(
        ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", *supervised, SCRIPT],
        env={
            **kept,
            "STEPSIGHT_ENDPOINT": receiver.endpoint,
            "STEPSIGHT_SPOOL": str(tmp_path / "spool"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    ends = [
        {item.key: item.value for item in record.attributes}
        for record in receiver.records()
        if record.event_name == "stepsight.step.end"
    ]
    [end] = ends
    last = done.stdout.splitlines()[-1]
    assert (done.returncode, end["process.exit.signal"].string_value) == (137, "SIGKILL")
    assert end["exception.type"].string_value == "OutOfMemoryKilled"
    message = end["exception.message"].string_value
    assert message.startswith("killed by the kernel, out of memory: used 1")
    assert message.endswith(" MiB of 150 MiB allowed")
    assert end["stepsight.memory.peak"].int_value > LIMIT_BYTES // 2
    assert last.startswith("holding ")
    assert last in receiver.bodies()
