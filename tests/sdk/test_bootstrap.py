"""Unchanged Python scripts under `stepsight run`: hooks, stand-ins, and what they leave alone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import venv
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Supervise = Callable[..., subprocess.CompletedProcess[str]]

SUPERVISE = "import sys; from stepsight._supervisor import supervise\n"
SUPERVISE += "sys.exit(supervise(sys.argv[1:]))"


@pytest.fixture
def environ(receiver: Any, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "STEPSIGHT_ENDPOINT": receiver.endpoint,
        "STEPSIGHT_SPOOL": str(tmp_path / "spool"),
        "STEPSIGHT_RAISE_ERRORS": "1",
    }


@pytest.fixture
def supervise(environ: dict[str, str], tmp_path: Path) -> Supervise:
    def run(
        script: str, python: str = sys.executable, **more: str
    ) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "train.py"
        path.write_text(script, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-c", SUPERVISE, python, str(path)],
            env={**environ, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with nothing installed."""
    place = tmp_path_factory.mktemp("bare")
    venv.create(place, symlinks=True)
    return str(place / "bin" / "python")


def rows(receiver: Any) -> list[tuple[str, str, str]]:
    """Logger, level and message of everything but events."""
    return [
        (scope.scope.name, record.severity_text, record.body.string_value)
        for path, _, request in receiver.requests
        if path == "/v1/logs"
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
        if not record.event_name
    ]


def test_a_log_record_is_a_record_not_a_line(receiver: Any, supervise: Supervise) -> None:
    script = """
import logging
logging.basicConfig(level="INFO")
logging.getLogger("a.b").warning("bad %s", "row", extra={"custom_dimensions": {"part": "7"}})
logging.getLogger("a.b").debug("hidden")
print("line")
"""
    done = supervise(script)

    assert (done.stdout, done.stderr) == ("line\n", "WARNING:a.b:bad row\n")
    assert sorted(rows(receiver)) == [
        ("a.b", "WARNING", "bad row"),
        ("stepsight.stdio", "INFO", "line"),
    ]
    [record] = [one for one in receiver.records() if one.severity_text == "WARNING"]
    assert {item.key: item.value.string_value for item in record.attributes}["part"] == "7"


def test_a_handler_that_writes_through_a_stream_of_its_own_is_known(
    receiver: Any, supervise: Supervise
) -> None:
    script = """
import logging, sys
class Stream:
    def write(self, text): sys.stderr.write(text)
    def flush(self): pass
logging.getLogger().addHandler(logging.StreamHandler(Stream()))
logging.getLogger("a").error("once")
"""
    done = supervise(script)

    assert done.stderr == "once\n"
    assert rows(receiver) == [("a", "ERROR", "once")]


@pytest.mark.parametrize("first", ["", "import stepsight; stepsight.init()\n"])
def test_a_record_shown_by_a_queue_listener_is_recorded_once(
    receiver: Any, supervise: Supervise, first: str
) -> None:
    script = """
import logging, logging.handlers, queue
def listen(logger):
    waiting = queue.Queue()
    logger.addHandler(logging.handlers.QueueHandler(waiting))
    return logging.handlers.QueueListener(waiting, logging.StreamHandler())
logger, late = logging.getLogger("q"), logging.getLogger("late")
listeners = [listen(logger)]
logger.error("one", {"part": "7"})
listeners.append(listen(late))
late.error("two")
for listener in listeners:
    listener.start()
    listener.stop()
"""
    done = supervise(first + script)

    assert done.stderr == "one\ntwo\n"
    assert sorted(rows(receiver)) == [("late", "ERROR", "two"), ("q", "ERROR", "one")]
    [record] = [one for one in receiver.records() if one.body.string_value == "one"]
    assert "part" in {item.key for item in record.attributes}


def test_the_first_records_of_many_threads_all_arrive(receiver: Any, supervise: Supervise) -> None:
    script = """
import logging, threading
barrier = threading.Barrier(16)
def work(n):
    barrier.wait()
    logging.getLogger("t").critical("from %d", n)
threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
for each in threads: each.start()
for each in threads: each.join()
"""
    supervise(script)

    found = sorted(message for name, _, message in rows(receiver) if name == "t")
    assert found == sorted(f"from {n}" for n in range(16))


def test_only_the_command_itself_speaks_of_the_steps_end(
    receiver: Any, supervise: Supervise
) -> None:
    script = """
import logging, subprocess, sys
if len(sys.argv) > 1:
    logging.error("from a helper")
    sys.exit()
subprocess.run([sys.executable, __file__, "helper"])
logging.error("from the step")
"""
    supervise(script)
    told = [
        (record.event_name.rpartition(".")[2], value.value.string_value)
        for record in receiver.records()
        for value in record.attributes
        if record.event_name.endswith((".start", ".end")) and value.key == "stepsight.witness"
    ]

    assert [message for _, _, message in rows(receiver)] == ["from a helper", "from the step"]
    assert sorted(told) == [
        ("end", "process"),
        ("end", "supervisor"),
        ("start", "process"),
        ("start", "supervisor"),
    ]


def test_a_script_that_uses_none_of_it_loads_none_of_it(supervise: Supervise) -> None:
    script = "import sys; print(*sorted(sys.modules))"
    hooked = set(supervise(script).stdout.split())
    plain = set(supervise(script, STEPSIGHT_BOOTSTRAP="no").stdout.split())

    assert hooked - plain == {"__future__", "sitecustomize", "stepsight_hooks"}


def test_importing_logging_alone_starts_nothing(receiver: Any, supervise: Supervise) -> None:
    done = supervise("import logging, sys; print('stepsight' in sys.modules)")

    assert done.stdout == "False\n"


def test_another_sitecustomize_runs_too(supervise: Supervise, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("import builtins; builtins.there = 'yes'")
    script = "import sys; print(there, sys.modules['sitecustomize'].__file__)"
    done = supervise(script, PYTHONPATH=str(theirs))

    assert done.stdout == f"yes {theirs / 'sitecustomize.py'}\n"


def test_an_error_in_another_sitecustomize_is_said_as_ever(
    supervise: Supervise, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import nowhere_to_be_found")
    done = supervise("print('runs')", PYTHONPATH=str(tmp_path))

    assert done.stdout == "runs\n"
    assert "No module named 'nowhere_to_be_found'" in done.stderr


def test_a_python_without_stepsight_is_recorded(
    receiver: Any, supervise: Supervise, bare_python: str
) -> None:
    script = """
import importlib.util, logging, sys
from azureml.core import Experiment, Run, Workspace
logging.error("from afar")
run = Run.get_context(allow_offline=False)
print(run.experiment.name, Workspace.from_config().name, Experiment(None, "e").name)
"""
    done = supervise(script, bare_python)

    assert (done.stdout, done.returncode) == ("default stepsight e\n", 0)
    assert ("root", "ERROR", "from afar") in rows(receiver)


def test_what_is_installed_comes_before_a_stand_in(supervise: Supervise, tmp_path: Path) -> None:
    package = tmp_path / "installed" / "azureml" / "core"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text("Run = 'theirs'")
    done = supervise(
        "from azureml.core import Run; print(Run)", PYTHONPATH=str(package.parent.parent)
    )

    assert done.stdout == "theirs\n"


def test_what_a_stand_in_does_not_have_is_said(supervise: Supervise) -> None:
    done = supervise("import azureml.core\nfrom azureml.core import Dataset")

    assert "azureml.core.Dataset needs azureml-core: pip install azureml-core" in done.stderr


@pytest.mark.parametrize(
    "module", ["azureml.core", "opencensus.ext.azure.log_exporter", "stepsight_hooks"]
)
def test_outside_of_stepsight_run_nothing_is_faked(
    environ: dict[str, str], module: str, bare_python: str
) -> None:
    import stepsight

    done = subprocess.run(
        [bare_python, "-c", f"import stepsight; stepsight.init()\nimport {module}"],
        env={**environ, "PYTHONPATH": str(Path(stepsight.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named" in done.stderr


def test_the_bootstrap_can_be_switched_off(receiver: Any, supervise: Supervise) -> None:
    script = "import logging; logging.error('line'); import azureml.core"
    done = supervise(script, STEPSIGHT_BOOTSTRAP="no")

    assert "No module named 'azureml'" in done.stderr
    assert ("stepsight.stdio", "INFO", "ERROR:root:line") in rows(receiver)


AZUREML = """
class Run: pass
class _OfflineRun:
    def __init__(self, parent_logger=None, run_id=None): self.id = "OfflineRun_1"
    def log(self, name, value): print("theirs", name, value)
"""


@pytest.fixture
def azureml(tmp_path: Path) -> str:
    """A path with a package of that name on it; the real one is in tests/process."""
    package = tmp_path / "installed" / "azureml" / "core"
    package.mkdir(parents=True)
    for name in ("../__init__.py", "__init__.py"):
        (package / name).write_text("")
    (package / "run.py").write_text(AZUREML)
    return str(package.parent.parent)


@pytest.mark.parametrize("order", ["init, import", "import, init"])
def test_without_stepsight_run_init_mirrors_what_is_imported_before_or_later(
    receiver: Any, environ: dict[str, str], azureml: str, order: str
) -> None:
    parts = {"init": "stepsight.init()", "import": "import azureml.core.run as theirs"}
    steps = [parts[each] for each in order.split(", ")]
    script = "; ".join(["import stepsight", *steps, "theirs._OfflineRun().log('loss', 0.5)"])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environ, "PYTHONPATH": azureml},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("theirs loss 0.5\n", "")
    points = [
        (metric.name, point.as_double)
        for path, _, request in receiver.requests
        if path == "/v1/metrics"
        for metric in request.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.gauge.data_points
    ]
    assert points == [("loss", 0.5)]


def test_a_module_keeps_its_own_loader_and_resources(supervise: Supervise, azureml: str) -> None:
    script = """
import inspect, azureml.core.run as module
print(type(module.__loader__).__name__, type(module.__spec__.loader).__name__)
print(len(inspect.getsource(module).splitlines()))
"""
    done = supervise(script, PYTHONPATH=azureml)

    assert done.stdout == f"SourceFileLoader SourceFileLoader\n{len(AZUREML.splitlines())}\n"


OPENCENSUS = """
import logging, os, sys
from opencensus.ext.azure.log_exporter import AzureLogHandler
key = "InstrumentationKey=00000000-0000-4000-8000-000000000000"
handler = AzureLogHandler(connection_string=f"{key};IngestionEndpoint={os.environ['THERE']}")
logging.getLogger("a").addHandler(handler)
logging.getLogger("a").error("bad", {"step_id": "s-1"})
"""


@pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="OpenCensus' handler has no lock; logging wants one"
)
@pytest.mark.parametrize("is_ours", [True, False])
def test_opencensus_sends_itself_only_where_we_do_not(
    receiver: Any, supervise: Supervise, is_ours: bool
) -> None:
    posts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    elsewhere = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=elsewhere.serve_forever, args=(0.01,))
    thread.start()
    there = receiver.endpoint if is_ours else f"http://127.0.0.1:{elsewhere.server_port}"
    try:
        done = supervise(OPENCENSUS, THERE=there, APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true")
    finally:
        elsewhere.shutdown()
        thread.join()
        elsewhere.server_close()

    assert (done.returncode, done.stderr) == (0, "")
    assert posts == ([] if is_ours else ["/v2.1/track"])
    assert rows(receiver) == [("a", "ERROR", "bad")]
    [record] = [one for one in receiver.records() if one.severity_text == "ERROR"]
    attributes = {item.key: item.value.string_value for item in record.attributes}
    assert (attributes["step_id"], attributes["level"]) == ("s-1", "ERROR")
