"""What a step pays: bench/footprint.py has the figures, this keeps them from growing unseen."""

from __future__ import annotations

import subprocess
import sys

# Known to be dear: each alone costs more than all of stepsight.
DEAR = ("opentelemetry", "google", "ssl", "http", "email", "requests", "click", "rich", "asyncio")
SCRIPT = """
import sys
before = set(sys.modules)
import stepsight
imported = set(sys.modules) - before
from stepsight import logger, run
logger.info("x")
run.log("loss", 1)
stepsight.flush()
used = set(sys.modules) - before
print(len(imported), *sorted(name.partition(".")[0] for name in used), file=sys.__stdout__)
"""


def test_a_step_imports_nothing_dear() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"STEPSIGHT_ENDPOINT": "http://127.0.0.1:9", "STEPSIGHT_SPOOL": "/dev/null/none"},
        capture_output=True,
        text=True,
        check=True,
    )
    count, *used = done.stdout.split()

    assert set(used) & set(DEAR) == set()
    # logging and threading with what they need, and four modules of ours.
    assert int(count) < 60
