"""The heap keeps what a request frees: the next one of its size costs no page faults."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: the setting is for the whole process and cannot be read back.
COUNT_FAULTS = """
import resource, sys
from stepsight_collector.heap import keep_heap
if sys.argv[1] == "kept" and not keep_heap():
    sys.exit("not supported")
def use():
    parts = [bytes(1 << 18) for _ in range(8)]
    return b"".join(parts)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="a switch of glibc")
def test_memory_of_a_request_is_used_again_by_the_next_one() -> None:
    usual = faults("usual")

    kept = faults("kept")

    assert kept < usual / 10
