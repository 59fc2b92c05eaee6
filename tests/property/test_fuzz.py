from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[2] / "bench" / "fuzz.py"


def test_20_000_mutated_requests_get_documented_answers() -> None:
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--requests", "20000", "--seed", "20"],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("20000 requests")
