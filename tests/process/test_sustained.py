"""The sustained run in small: `make bench` runs it for minutes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "sustained.py"


def test_full_load_for_seconds_keeps_memory_and_parts_bounded_and_all_is_stored_soon() -> None:
    result = subprocess.run(
        [sys.executable, BENCH, "--seconds", "6"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stdout
