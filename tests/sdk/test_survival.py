"""What arrives of a process, by how it was started, how it ends and how the collector is.

Writes the table of docs/reference/survival.md (`pytest --update-golden`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "survival.md"
EARLY = [f"early {number}" for number in range(20)]
LATE = [f"late {number}" for number in range(5)]

STARTS = {
    "the script itself": "work()",
    "`os.fork`": """
pid = os.fork()
if pid == 0:
    work()
    sys.exit(0)
os.waitpid(pid, 0)""",
    "`multiprocessing`, fork": "process('fork')",
    "`multiprocessing`, forkserver": "process('forkserver')",
    "`multiprocessing`, spawn": "process('spawn')",
    "`ProcessPoolExecutor`": """
from concurrent.futures import ProcessPoolExecutor
context = multiprocessing.get_context("fork")
with ProcessPoolExecutor(1, mp_context=context) as pool:
    pool.submit(work).exception()""",
    "`with Pool()`": """
with multiprocessing.get_context("fork").Pool(1) as pool:
    pool.apply_async(work).wait()""",
    "a thread": """
thread = threading.Thread(target=work)
thread.start()
thread.join()""",
    "a daemon thread": """
done = threading.Event()
threading.Thread(target=lambda: (work(), done.set()), daemon=True).start()
done.wait(5)""",
    "an `asyncio` task": """
async def task():
    work()
asyncio.run(task())""",
}
ENDINGS = {
    "returns": "pass",
    "raises": "raise ValueError('bad')",
    "`sys.exit`": "sys.exit(3)",
    "`os._exit`": "os._exit(4)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM); signal.pause()",
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT); signal.pause()",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL); signal.pause()",
    "`abort()`": "os.abort()",
    "segfault": "ctypes.string_at(0)",
}
# Nothing runs in the process after these: what it has not yet sent dies with it.
SUDDEN = frozenset({"SIGKILL", "`abort()`", "segfault"})
# A pool waits for ever for a task whose worker died, and a thread shares its process's end.
ONLY_ENDINGS = {
    "`with Pool()`": ("returns", "raises"),
    "a thread": ("returns", "raises", "`os._exit`"),
    "a daemon thread": ("returns",),
    "an `asyncio` task": ("returns", "raises", "`os._exit`"),
}
SCRIPT = """
import asyncio, ctypes, multiprocessing, os, signal, sys, threading, time
import stepsight
from stepsight import logger

def work():
    for number in range({early}):
        logger.info("early %d", number)
    stepsight.flush(20)
    for number in range({late}):
        logger.info("late %d", number)
    {ending}

def process(method):
    child = multiprocessing.get_context(method).Process(target=work)
    child.start()
    child.join()

if __name__ == "__main__":
    stepsight.init()
    {start}
"""


def cells() -> Iterator[tuple[str, str]]:
    for start in STARTS:
        for ending in ONLY_ENDINGS.get(start, tuple(ENDINGS)):
            yield start, ending


def script_of(start: str, ending: str) -> str:
    return SCRIPT.format(
        early=len(EARLY),
        late=len(LATE),
        ending=ENDINGS[ending],
        start=STARTS[start].strip().replace("\n", "\n    "),
    )


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., None]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STEPSIGHT_")}
    kept.pop("TRACEPARENT", None)

    def run(script: str, endpoint: str, *, supervised: bool = False) -> None:
        path = tmp_path / "train.py"
        path.write_text(script)
        command = [sys.executable, str(path)]
        if supervised:
            command = [sys.executable, "-m", "stepsight._cli.main", "run", "--", *command]
        subprocess.run(
            command,
            env={
                **kept,
                "STEPSIGHT_ENDPOINT": endpoint,
                "STEPSIGHT_SPOOL": str(tmp_path / "spool"),
            },
            capture_output=True,
            timeout=60,
            check=False,
        )

    return run


def lines(receiver: Any) -> list[str]:
    """What `work` logged, in order of time."""
    found = [
        record
        for record in receiver.records()
        if record.body.string_value.startswith(("early ", "late "))
    ]
    return [
        record.body.string_value
        for record in sorted(found, key=lambda record: record.time_unix_nano)
    ]


def assert_survived(receiver: Any, ending: str) -> None:
    """Everything, once, in order; after a sudden end at least what a flush had confirmed."""
    found = lines(receiver)
    wanted = EARLY + LATE
    assert found == wanted[: len(found)]
    assert len(found) >= len(EARLY if ending in SUDDEN else wanted)


@pytest.mark.parametrize(("start", "ending"), tuple(cells()))
def test_with_the_collector_up(
    receiver: Any, run_script: Callable[..., None], start: str, ending: str
) -> None:
    run_script(script_of(start, ending), receiver.endpoint)

    assert_survived(receiver, ending)


FEW_STARTS = ("the script itself", "`os.fork`", "`multiprocessing`, spawn")
FEW_ENDINGS = ("returns", "raises", "`os._exit`", "SIGTERM", "SIGKILL")


@pytest.mark.parametrize("ending", FEW_ENDINGS)
@pytest.mark.parametrize("start", FEW_STARTS)
def test_with_the_collector_down_and_back_later(
    receiver: Any, run_script: Callable[..., None], start: str, ending: str
) -> None:
    run_script(script_of(start, ending), "http://127.0.0.1:9")
    assert lines(receiver) == []

    run_script("from stepsight import logger\nlogger.info('a later step')", receiver.endpoint)

    assert_survived(receiver, ending)


@pytest.mark.parametrize("ending", FEW_ENDINGS)
@pytest.mark.parametrize("start", FEW_STARTS)
def test_with_the_collector_busy_at_first(
    receiver: Any, run_script: Callable[..., None], start: str, ending: str
) -> None:
    receiver.answers.append((503, {"Retry-After": "0"}))
    run_script(script_of(start, ending), receiver.endpoint)
    run_script("from stepsight import logger\nlogger.info('a later step')", receiver.endpoint)

    assert_survived(receiver, ending)


PRINTING = """
import ctypes, os, signal, sys
for number in range({early}):
    print("early", number)
for number in range({late}):
    print("late", number)
{ending}
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_under_the_supervisor_every_printed_line_arrives(
    receiver: Any, run_script: Callable[..., None], ending: str
) -> None:
    script = PRINTING.format(early=len(EARLY), late=len(LATE), ending=ENDINGS[ending])
    run_script(script, receiver.endpoint, supervised=True)

    assert lines(receiver) == EARLY + LATE


def test_the_page_has_this_table(golden: Callable[[Path, str], None]) -> None:
    head = PAGE.read_text(encoding="utf-8").partition("| started as")[0]
    rows = [
        "| started as | " + " | ".join(ENDINGS) + " |",
        "|---" * (len(ENDINGS) + 1) + "|",
    ]
    for start in STARTS:
        possible = ONLY_ENDINGS.get(start, tuple(ENDINGS))
        marks = [
            "" if ending not in possible else "sent" if ending in SUDDEN else "all"
            for ending in ENDINGS
        ]
        rows.append(f"| {start} | " + " | ".join(marks) + " |")
    supervised = " | ".join("all" for _ in ENDINGS)
    rows.append(f"| any command, by `stepsight run` | {supervised} |")

    golden(PAGE, head + "\n".join(rows) + "\n")
