"""What `stepsight run` adds to a Python that it starts, beside the same Python without.

Usage: python bench/bootstrap.py [--rounds 40]

CPU time of a whole process (user and system), median, of scripts that use nothing, import logging,
or log one record (which starts the recording); each with and without the folder on PYTHONPATH, in
turn. And the import hook's cost for each module that a step imports.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import stepsight

BOOTSTRAP = Path(stepsight.__file__).parent / "_bootstrap"
SCRIPTS = {
    "pass": "pass",
    "import logging": "import logging",
    "one log record": "import logging; logging.error('x')",
    "import stepsight; init()": "import stepsight; stepsight.init()",
}


def cpu_ms(script: str, environ: dict[str, str]) -> float:
    process = subprocess.Popen([sys.executable, "-c", script], env=environ, stderr=-3)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return (usage.ru_utime + usage.ru_stime) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    plain = {"STEPSIGHT_ENDPOINT": "http://127.0.0.1:9", "STEPSIGHT_SPOOL": "/dev/null/none"}
    hooked = {**plain, "PYTHONPATH": str(BOOTSTRAP), "STEPSIGHT_SUPERVISED": "1"}
    for name, script in SCRIPTS.items():
        pairs = [(cpu_ms(script, plain), cpu_ms(script, hooked)) for _ in range(rounds)]
        without, with_hooks = (statistics.median(values) for values in zip(*pairs, strict=True))
        print(
            f"{name:26} {without:6.1f} ms  hooked {with_hooks:6.1f} ms  {with_hooks - without:+.1f}"
        )
    from stepsight._bootstrap.stepsight_hooks import ImportHook

    hook, count = ImportHook({}, ""), 200_000
    begun = time.process_time()
    for _ in range(count):
        hook.find_spec("some.module", None)
    print(f"hook, per import of a module {(time.process_time() - begun) / count * 1e9:6.0f} ns")


if __name__ == "__main__":
    main()
