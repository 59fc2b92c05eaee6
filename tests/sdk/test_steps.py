"""Real step processes, and what of them arrives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    RunStep = Callable[..., subprocess.CompletedProcess[bytes]]

HEAD = "import os, signal, sys, logging, multiprocessing\nfrom stepsight import logger, run\n"
WITNESS = "stepsight.witness"


def plain(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")


def attributes(message: Any) -> dict[str, Any]:
    return {item.key: plain(item.value) for item in message.attributes}


def end_of(receiver: Any, witness: str = "process") -> dict[str, Any]:
    """The end event of one witness; exactly one is expected."""
    [end] = [
        found
        for record in receiver.records()
        if record.event_name == "stepsight.step.end"
        and (found := attributes(record))[WITNESS] == witness
    ]
    return end


def lines(receiver: Any) -> list[str]:
    """Messages and printed lines, without events."""
    return [record.body.string_value for record in receiver.records() if not record.event_name]


@pytest.fixture
def run_step(receiver: Any, tmp_path: Path) -> RunStep:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STEPSIGHT_")}
    kept.pop("TRACEPARENT", None)
    environ = {
        **kept,
        "STEPSIGHT_ENDPOINT": receiver.endpoint,
        "STEPSIGHT_SPOOL": str(tmp_path / "spool"),
        "STEPSIGHT_RAISE_ERRORS": "1",
        # From Python 3.12 on os.fork() warns in a process with threads; a line of its own to us.
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }

    def run_script(
        script: str, *, supervised: bool = False, command: Sequence[str] = (), **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        path = tmp_path / "train.py"
        path.write_text(script, encoding="utf-8")
        command = command or (sys.executable, str(path))
        if supervised:
            supervise = "import sys; from stepsight._supervisor import supervise\n"
            supervise += "sys.exit(supervise(sys.argv[1:]))"
            command = (sys.executable, "-c", supervise, *command)
        return subprocess.run(
            command, env={**environ, **more}, capture_output=True, timeout=60, check=False
        )

    return run_script


ENDINGS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "falls off its end": ("", 0, {"stepsight.status": "Completed", "process.exit.code": 0}),
    "sys.exit(3)": ("sys.exit(3)", 3, {"stepsight.status": "Failed", "process.exit.code": 3}),
    "sys.exit(text)": (
        "sys.exit('no data')",
        1,
        {"stepsight.status": "Failed", "exception.message": "no data"},
    ),
    "an exception": (
        "raise ValueError('bad')",
        1,
        {
            "stepsight.status": "Failed",
            "exception.type": "ValueError",
            "exception.message": "bad",
        },
    ),
    "Ctrl-C": (
        "os.kill(os.getpid(), signal.SIGINT); signal.pause()",
        -2,
        {"stepsight.status": "Canceled", "process.exit.signal": "SIGINT"},
    ),
    "SIGTERM": (
        "os.kill(os.getpid(), signal.SIGTERM); signal.pause()",
        -15,
        {"stepsight.status": "Canceled", "process.exit.signal": "SIGTERM"},
    ),
    "run.fail()": (
        "run.fail('too few rows')",
        0,
        {"stepsight.status": "Failed", "exception.message": "too few rows"},
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_line_and_the_end_arrive(receiver: Any, run_step: RunStep, ending: str) -> None:
    last, code, expected = ENDINGS[ending]
    done = run_step(HEAD + f"logger.info('first')\nprint('second')\n{last}\n")

    end = end_of(receiver)
    assert done.returncode == code
    assert lines(receiver)[:2] == ["first", "second"]
    assert {key: end.get(key) for key in expected} == expected
    assert end["stepsight.records.dropped"] == 0


WORKERS = {
    "os.fork": """
for number in range(3):
    if os.fork() == 0:
        logger.info("worker %d", number)
        sys.exit(0)
for number in range(3):
    os.wait()
""",
    "multiprocessing by fork": """
context = multiprocessing.get_context("fork")
workers = [context.Process(target=logger.info, args=("worker %d", n)) for n in range(3)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
""",
    "a pool": """
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.starmap(logger.info, [("worker %d", n) for n in range(3)])
    pool.close()
    pool.join()
""",
    "threads": """
import threading
workers = [threading.Thread(target=logger.info, args=("worker %d", n)) for n in range(3)]
for worker in workers:
    worker.start()
""",
}


@pytest.mark.parametrize("kind", WORKERS)
def test_what_workers_log_arrives_once(receiver: Any, run_step: RunStep, kind: str) -> None:
    done = run_step(HEAD + "logger.info('parent')\nprint('half', end='')\n" + WORKERS[kind])

    assert (done.returncode, sorted(lines(receiver))) == (
        0,
        ["half", "parent", "worker 0", "worker 1", "worker 2"],
    )
    assert end_of(receiver)["stepsight.status"] == "Completed"


def test_a_spawned_worker_belongs_to_the_step(receiver: Any, run_step: RunStep) -> None:
    done = run_step(
        HEAD
        + "def work():\n    logger.info('worker')\n"
        + "if __name__ == '__main__':\n    logger.info('parent')\n"
        + "    worker = multiprocessing.get_context('spawn').Process(target=work)\n"
        + "    worker.start(); worker.join()\n"
    )

    resources = {
        attributes(resource.resource)["step_id"]
        for path, _, request in receiver.requests
        if path == "/v1/logs"
        for resource in request.resource_logs
    }
    assert (done.returncode, sorted(lines(receiver)), len(resources)) == (
        0,
        ["parent", "worker"],
        1,
    )
    assert end_of(receiver)["stepsight.status"] == "Completed"


OUTPUT = """
import sys, logging
logging.basicConfig(format="%(levelname)s %(message)s")
print("plain", "ünïcode")
print("x" * 100_000)
sys.stdout.write("no end")
sys.stdout.buffer.write(b"\\xff\\xfe raw\\n")
for step in range(5):
    print(f"\\r{step}", end="", flush=True)
logging.getLogger("app").warning("logged")
print("to stderr", file=sys.stderr)
"""


@pytest.mark.parametrize("supervised", [False, True])
def test_the_console_is_as_without_us(run_step: RunStep, *, supervised: bool) -> None:
    plain_run = run_step(OUTPUT, PYTHONIOENCODING="utf-8")
    ours = run_step(
        "import stepsight; stepsight.init()\n" + OUTPUT,
        supervised=supervised,
        PYTHONIOENCODING="utf-8",
    )

    assert (ours.returncode, ours.stdout, ours.stderr) == (
        plain_run.returncode,
        plain_run.stdout,
        plain_run.stderr,
    )


def test_both_dimension_idioms_keep_their_dimensions(receiver: Any, run_step: RunStep) -> None:
    run_step(
        HEAD + "logger.info('a', extra={'custom_dimensions': {'source': 'blob', 'rows': 5}})\n"
        "logger.error('b', {'step_id': 'mine'})\n"
        "logging.getLogger('app').warning('c %s', 1, {'k': 'v'})\n"
    )

    found = {
        record.body.string_value: {
            key: value for key, value in attributes(record).items() if not key.startswith("code.")
        }
        for record in receiver.records()
        if not record.event_name
    }
    assert found["a"] == {"source": "blob", "rows": 5}
    assert found["b"] == {"step_id": "mine"}
    assert found["c 1"] == {"k": "v"}


def test_a_step_without_a_collector_runs_as_ever_and_ends_at_once(run_step: RunStep) -> None:
    times = {}
    for name, head in (("plain", ""), ("ours", "from stepsight import logger as log, run\n")):
        script = head + "import logging\nlog = globals().get('log', logging)\n"
        script += "for n in range(100): log.info(n)\nprint('done')\n"
        run_step(script, STEPSIGHT_ENDPOINT="http://127.0.0.1:9")  # warms the disk
        started = time.monotonic()
        done = run_step(script, STEPSIGHT_ENDPOINT="http://127.0.0.1:9")
        times[name] = time.monotonic() - started
        assert (done.returncode, done.stdout) == (0, b"done\n")

    assert times["ours"] - times["plain"] < 1.0


def test_a_wrong_setting_is_said_once_and_the_step_runs(run_step: RunStep) -> None:
    done = run_step(
        HEAD + "logger.info('x')\nlogger.info('y')\nrun.log('loss', 1)\nprint('done')\n",
        STEPSIGHT_ENDPOINT="nonsense",
    )

    assert (done.returncode, done.stdout) == (0, b"done\n")
    assert done.stderr.count(b"stepsight: nothing is recorded: STEPSIGHT_ENDPOINT must be") == 1


def test_lines_of_a_killed_step_arrive(receiver: Any, run_step: RunStep) -> None:
    done = run_step(
        HEAD + "logger.info('logged')\nprint('printed')\n"
        "sys.stdout.write('unfinished'); sys.stdout.flush()\n"
        "os.system('echo from a child')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        supervised=True,
    )

    end = end_of(receiver, "supervisor")
    assert done.returncode == 137
    assert {"printed", "unfinishedfrom a child"} <= set(lines(receiver))
    assert any("logged" in line for line in lines(receiver))
    assert (end["stepsight.status"], end["process.exit.code"], end["process.exit.signal"]) == (
        "Failed",
        137,
        "SIGKILL",
    )
    assert end["stepsight.memory.peak"] > 5_000_000


def test_a_supervised_log_record_is_recorded_once(receiver: Any, run_step: RunStep) -> None:
    run_step(
        "import logging, subprocess, sys\nlogging.basicConfig()\n"
        + HEAD
        + "logger.info('one')\nlogging.getLogger('app').warning('two')\nprint('three')\n"
        "subprocess.run([sys.executable, '-c', 'import logging, stepsight; stepsight.init();"
        ' logging.warning("four")\'])\n',
        supervised=True,
    )

    assert sorted(lines(receiver)) == ["four", "one", "three", "two"]


def test_a_supervised_exception_names_its_cause(receiver: Any, run_step: RunStep) -> None:
    done = run_step("import json\njson.loads('{')\n", supervised=True)

    end = end_of(receiver, "supervisor")
    assert done.returncode == 1
    assert (end["stepsight.status"], end["exception.type"]) == (
        "Failed",
        "json.decoder.JSONDecodeError",
    )
    assert 'File "' in end["exception.stacktrace"]


def test_any_command_can_be_supervised(receiver: Any, run_step: RunStep) -> None:
    done = run_step("", supervised=True, command=("sh", "-c", "echo out; echo err >&2; exit 7"))

    streams = {
        record.body.string_value: attributes(record).get("log.iostream")
        for record in receiver.records()
        if not record.event_name
    }
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    assert streams == {"out": "stdout", "err": "stderr"}
    assert end_of(receiver, "supervisor")["process.exit.code"] == 7


def test_a_command_that_does_not_exist_is_a_failed_step(receiver: Any, run_step: RunStep) -> None:
    done = run_step("", supervised=True, command=("no-such-program",))

    assert done.returncode == 127
    assert b'cannot run "no-such-program": there is no such command' in done.stderr
    assert end_of(receiver, "supervisor")["stepsight.status"] == "Failed"


def test_a_stop_from_outside_reaches_the_command_and_is_no_failure(
    receiver: Any, tmp_path: Path
) -> None:
    supervise = "import sys; from stepsight._supervisor import supervise\n"
    supervise += "sys.exit(supervise(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", supervise, "sh", "-c", "echo ready; exec sleep 60"],
        env={
            **os.environ,
            "STEPSIGHT_ENDPOINT": receiver.endpoint,
            "STEPSIGHT_SPOOL": str(tmp_path),
        },
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    process.stdout.close()

    assert process.wait(20) == 143
    end = end_of(receiver, "supervisor")
    assert (end["stepsight.status"], end["process.exit.signal"]) == ("Canceled", "SIGTERM")


def test_a_background_child_does_not_keep_the_supervisor(run_step: RunStep) -> None:
    started = time.monotonic()
    done = run_step("", supervised=True, command=("sh", "-c", "sleep 30 & echo out"))

    assert (done.returncode, done.stdout) == (0, b"out\n")
    assert time.monotonic() - started < 15
