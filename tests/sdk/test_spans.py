"""Spans, functions as steps, requests of score scripts and calls of libraries, in processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    RunScript = Callable[..., list["Sent"]]

HEAD = "import stepsight\nfrom stepsight import logger\n"
KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT"}


def plain(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")


def attributes(message: Any) -> dict[str, Any]:
    return {item.key: plain(item.value) for item in message.attributes}


class Sent:
    """A span as it arrived."""

    def __init__(self, span: Any) -> None:
        self.name: str = span.name
        self.kind = KINDS[span.kind]
        self.trace_id = span.trace_id.hex()
        self.span_id = span.span_id.hex()
        self.parent_id = span.parent_span_id.hex()
        self.trace_state: str = span.trace_state
        self.failed = span.status.code == 2
        self.attributes = attributes(span)


@pytest.fixture
def run_script(receiver: Any, tmp_path: Path) -> RunScript:
    """Run a script as the step `train`; returns its spans, the step's own last."""
    # Not those of an orchestrator that may run the tests themselves.
    names = ("PATH", "HOME", "LANG", "TMPDIR")
    kept = {name: os.environ[name] for name in names if name in os.environ}

    def run(script: str, *arguments: str, code: int = 0, **environ: str) -> list[Sent]:
        path = tmp_path / "train.py"
        path.write_text(HEAD + script, encoding="utf-8")
        given = {
            **kept,
            "STEPSIGHT_ENDPOINT": receiver.endpoint,
            "STEPSIGHT_SPOOL": str(tmp_path / "spool"),
            "STEPSIGHT_RAISE_ERRORS": "1",
            **environ,
        }
        command = (sys.executable, str(path), *arguments)
        done = subprocess.run(command, env=given, capture_output=True, timeout=90, check=False)
        assert done.returncode == code, done.stderr.decode()
        return [
            Sent(span)
            for signal, _, request in receiver.requests
            if signal == "/v1/traces"
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    return run


def records(receiver: Any) -> dict[str, Any]:
    """Log records that are no events, by their text."""
    return {
        record.body.string_value: record for record in receiver.records() if not record.event_name
    }


def events(receiver: Any, step_name: str) -> list[tuple[str, dict[str, Any]]]:
    """Events of a function that is a step: what happened, and with which attributes."""
    return [
        (record.event_name.rpartition(".")[2], found)
        for record in receiver.records()
        if record.event_name and (found := attributes(record)).get("step_name") == step_name
    ]


SPANS = """
import asyncio

with stepsight.span("outer", rows=3):
    with stepsight.span("inner"):
        logger.info("in inner")

@stepsight.span("decorated")
def twice(x):
    return 2 * x

@stepsight.span("asynchronous")
async def later(x):
    await asyncio.sleep(0)
    logger.info("in asynchronous")
    return x

async def main():
    async with stepsight.span("async with"):
        return await later(5)

assert (twice(2), twice(3), asyncio.run(main()), twice.__name__) == (4, 6, 5, "twice")
"""


def test_spans_nest_under_the_steps_own_and_decorate(receiver: Any, run_script: RunScript) -> None:
    *spans, own = run_script(SPANS)

    parents = {span.span_id: span.name for span in (*spans, own)}
    assert [(span.name, parents[span.parent_id]) for span in spans] == [
        ("inner", "outer"),
        ("outer", "train"),
        ("decorated", "train"),
        ("decorated", "train"),
        ("asynchronous", "async with"),
        ("async with", "train"),
    ]
    assert {span.trace_id for span in spans} == {own.trace_id}
    assert (own.kind, own.parent_id) == ("SERVER", "")
    assert spans[1].attributes == {"rows": 3}
    found = records(receiver)
    assert found["in inner"].span_id.hex() == spans[0].span_id
    assert found["in asynchronous"].span_id.hex() == spans[4].span_id


def test_an_exception_is_on_its_span_and_raised_on(run_script: RunScript) -> None:
    span, _ = run_script(
        "try:\n    with stepsight.span('load'):\n        raise KeyError('a')\n"
        "except KeyError:\n    pass\n"
    )

    assert (span.failed, span.attributes["exception.type"]) == (True, "KeyError")


def test_a_generator_is_refused_with_what_to_do(run_script: RunScript) -> None:
    run_script(
        "for wrap in (stepsight.span('x'), stepsight.step):\n"
        "    try:\n"
        "        @wrap\n"
        "        def rows():\n"
        "            yield 1\n"
        "    except TypeError as exc:\n"
        "        assert 'generator rows: use a with block' in str(exc)\n"
        "    else:\n"
        "        raise SystemExit('not refused')\n"
    )


STEPS = """
from stepsight import run, step

@step
def load():
    logger.info("loading")
    run.log("rows", 3)
    return 3

@step("fit", fold=2)
def train(rows):
    with stepsight.span("epoch"):
        logger.info("fitting")
    raise ValueError("diverged")

rows = load()
try:
    train(rows)
except ValueError:
    logger.info("outside")
"""


def test_a_function_is_a_step_run_of_its_own(receiver: Any, run_script: RunScript) -> None:
    load, epoch, fit, own = run_script(STEPS)

    [(_, start), (_, end)] = events(receiver, "load")
    assert [what for what, _ in events(receiver, "load")] == ["start", "end"]
    assert start["step_id"] == end["step_id"]
    assert start["step_id"].startswith("train-")
    assert ".load-" in start["step_id"]
    assert end["stepsight.status"] == "Completed"
    assert (load.kind, load.parent_id) == ("SERVER", own.span_id)
    assert load.attributes == {"step_id": start["step_id"], "step_name": "load"}
    assert epoch.parent_id == fit.span_id


def test_records_inside_of_a_step_function_belong_to_it(
    receiver: Any, run_script: RunScript
) -> None:
    run_script(STEPS)

    found = records(receiver)
    metric = next(
        attributes(point)
        for path, _, request in receiver.requests
        if path == "/v1/metrics"
        for point in request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    )
    assert attributes(found["loading"])["step_name"] == metric["step_name"] == "load"
    assert attributes(found["fitting"])["fold"] == 2
    assert "step_name" not in attributes(found["outside"])


def test_a_step_function_fails_with_its_cause_and_not_the_process(
    receiver: Any, run_script: RunScript
) -> None:
    *_, fit, own = run_script(STEPS)

    [_, (_, end)] = events(receiver, "fit")
    assert (end["stepsight.status"], end["exception.type"], end["exception.message"]) == (
        "Failed",
        "ValueError",
        "diverged",
    )
    assert (fit.failed, own.failed) == (True, False)


def test_a_step_function_that_lasts_gives_signs_of_life(
    receiver: Any, run_script: RunScript
) -> None:
    run_script(
        "import threading\n"
        "from stepsight import _step\n"
        "beaten = threading.Event()\n"
        "beat = _step.beat\n"
        "def noted(client):\n"
        "    beat(client)\n"
        "    beaten.set()\n"
        "_step.beat = noted\n"
        "@stepsight.step\n"
        "def long():\n"
        "    for _ in range(2):  # the first may have begun before this function\n"
        "        beaten.clear()\n"
        "        assert beaten.wait(30)\n"
        "long()\n",
        STEPSIGHT_HEARTBEAT_S="0.1",
    )

    whats = [what for what, _ in events(receiver, "long")]
    assert (whats[0], whats[1], whats[-1]) == ("start", "heartbeat", "end")


def test_without_recording_functions_run_as_ever(run_script: RunScript) -> None:
    assert run_script(SPANS + STEPS, STEPSIGHT_DISABLED="1") == []


def test_a_broken_opentelemetry_does_not_break_the_step(run_script: RunScript) -> None:
    [own] = run_script(
        "import sys\n"
        "sys.modules['opentelemetry.sdk.trace'] = None\n"
        "with stepsight.span('x') as span:\n    assert span is None\n"
        "@stepsight.step\ndef load():\n    return 5\n"
        "assert load() == 5\n",
        STEPSIGHT_RAISE_ERRORS="0",
    )

    assert (own.name, own.failed) == ("train", False)


SERVER = """
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    seen = []
    def do_GET(self):
        self.seen.append(self.headers.get("traceparent", ""))
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}"
"""
CALLS = """
import requests
with stepsight.span("fetch"):
    requests.get(f"{url}/data")
requests.get(f"{url}/missing")
thread = threading.Thread(target=requests.get, args=(f"{url}/thread",))
thread.start(); thread.join()
print("seen", *Handler.seen)
server.shutdown()
"""


@pytest.mark.parametrize("way", ["setting", "call"])
def test_calls_by_http_are_dependencies_in_the_steps_operation(
    receiver: Any, run_script: RunScript, way: str
) -> None:
    switch = "stepsight.init()\n" if way == "setting" else "print(stepsight.instrument())\n"
    environ = {"STEPSIGHT_INSTRUMENT": "auto"} if way == "setting" else {}
    *spans, own = run_script(switch + SERVER + CALLS, **environ)

    by_url = {
        span.attributes.get("http.url", span.attributes.get("url.full", "")).rpartition("/")[
            2
        ]: span
        for span in spans
        if span.kind == "CLIENT"
    }
    fetch = next(span for span in spans if span.name == "fetch")
    # Exactly the three calls of the script: our own sending is not among them.
    assert set(by_url) == {"data", "missing", "thread"}
    assert {name: span.parent_id for name, span in by_url.items()} == {
        "data": fetch.span_id,
        "missing": own.span_id,
        "thread": own.span_id,
    }
    assert {span.trace_id for span in spans} == {own.trace_id}
    assert by_url["missing"].failed
    [seen] = [line for line in records(receiver) if line.startswith("seen ")]
    expected = [f"00-{own.trace_id}-{span.span_id}" for span in by_url.values()]
    assert sorted(each[:52] for each in seen.split()[1:]) == sorted(expected)


def test_the_state_of_a_trace_is_passed_on(run_script: RunScript) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    inner, own = run_script(
        "with stepsight.span('x'):\n    pass\n", TRACEPARENT=parent, TRACESTATE="vendor=1"
    )

    assert (own.trace_id, own.parent_id) == (parent[3:35], parent[36:52])
    assert (own.trace_state, inner.trace_state) == ("vendor=1", "vendor=1")


def test_queries_by_sqlalchemy_are_dependencies(run_script: RunScript) -> None:
    spans = run_script(
        "stepsight.instrument('sqlalchemy')\n"
        "import sqlalchemy\n"
        "engine = sqlalchemy.create_engine('sqlite://')\n"
        "with engine.connect() as connection:\n"
        "    connection.execute(sqlalchemy.text('SELECT 1'))\n"
        "engine.dispose()\n"
    )

    [query] = [span for span in spans if span.name.startswith("SELECT")]
    assert (query.kind, query.parent_id) == ("CLIENT", spans[-1].span_id)
    statement = query.attributes.get("db.statement") or query.attributes.get("db.query.text")
    assert statement == "SELECT 1"


def test_calls_by_urllib3_alone_are_dependencies(run_script: RunScript) -> None:
    call, own = run_script(
        SERVER + "stepsight.instrument('urllib3')\n"
        "import urllib3\n"
        "assert urllib3.PoolManager().request('GET', f'{url}/data').status == 200\n"
        "server.shutdown()\n"
    )

    assert (call.kind, call.parent_id) == ("CLIENT", own.span_id)


def test_calls_of_azure_sdks_are_dependencies(run_script: RunScript) -> None:
    call, own = run_script(
        SERVER + "assert stepsight.instrument('azure.core') == ['azure.core']\n"
        "from azure.core import PipelineClient\n"
        "from azure.core.pipeline.policies import DistributedTracingPolicy\n"
        "from azure.core.rest import HttpRequest\n"
        "client = PipelineClient(url, policies=[DistributedTracingPolicy()])\n"
        "client.send_request(HttpRequest('GET', f'{url}/blob'))\n"
        "client.close(); server.shutdown()\n"
    )

    assert (call.kind, call.parent_id, call.trace_id) == ("CLIENT", own.span_id, own.trace_id)
    assert call.attributes["http.response.status_code"] == 200


def test_what_cannot_be_recorded_is_said_when_asked_for(run_script: RunScript) -> None:
    run_script(
        "import logging, io\n"
        "said = io.StringIO()\n"
        "logging.getLogger('stepsight.sdk').addHandler(logging.StreamHandler(said))\n"
        "assert stepsight.instrument('botocore', 'nonsense') == []\n"
        "assert 'pip install opentelemetry-instrumentation-botocore' in said.getvalue()\n"
        "assert \"'nonsense' is none of azure.core, botocore\" in said.getvalue()\n"
    )


SCORE = """
import json
from stepsight import scoring

class Answer:
    status_code = 422

def init():
    logger.info("loading the model")

def run(data):
    logger.info("scoring")
    if data == "bad":
        raise ValueError("bad data")
    return Answer() if data == "refused" else json.dumps({"y": [1, 2]})

scoring.wrap(globals())
init()
assert run("ünïcode") == '{"y": [1, 2]}'
assert run("refused").status_code == 422
try:
    run(data="bad")
except ValueError:
    pass
"""


def test_every_call_of_a_score_script_is_a_request(receiver: Any, run_script: RunScript) -> None:
    init, good, refused, bad, own = run_script(SCORE)

    assert (init.name, init.kind) == ("init", "INTERNAL")
    assert {(span.name, span.kind) for span in (good, refused, bad)} == {("POST /score", "SERVER")}
    assert good.attributes == {
        "http.request.body.size": 9,
        "http.response.body.size": 13,
        "http.response.status_code": 200,
    }
    assert [span.failed for span in (good, refused, bad)] == [False, True, True]
    assert refused.attributes["http.response.status_code"] == 422
    assert bad.attributes["http.response.status_code"] == 500
    assert (bad.attributes["exception.type"], bad.attributes["exception.message"]) == (
        "ValueError",
        "bad data",
    )
    assert {span.parent_id for span in (good, refused, bad)} == {own.span_id}


def test_a_request_joins_its_callers_operation(receiver: Any, run_script: RunScript) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    own = (
        "class Http:\n    content_length = 12\n"
        f"    headers = {{'Traceparent': '00-{trace}-{span}-01'}}\n"
    )
    flask = (
        "import sys, types\n"
        f"headers = {{'traceparent': '00-{trace}-{span[::-1]}-01'}}\n"
        "sys.modules['flask'] = types.SimpleNamespace(has_request_context=lambda: True,"
        " request=types.SimpleNamespace(headers=headers))\n"
    )
    raw, body, step = run_script(
        f"from stepsight import scoring\n{own}"
        "@scoring.request\ndef run(data):\n    logger.info('scored')\n"
        f"run(Http())\n{flask}run('body')\n"
    )

    assert (raw.trace_id, raw.parent_id) == (trace, span)
    assert (body.trace_id, body.parent_id) == (trace, span[::-1])
    assert raw.attributes["http.request.body.size"] == 12
    assert records(receiver)["scored"].trace_id.hex() == trace
    assert step.trace_id != trace


def test_an_asynchronous_score_function_is_recorded(run_script: RunScript) -> None:
    request, _ = run_script(
        "import asyncio\nfrom stepsight import scoring\n"
        "@scoring.request\nasync def run(data):\n    await asyncio.sleep(0)\n    return b'12'\n"
        "assert asyncio.run(run(b'123')) == b'12'\n"
    )

    assert (
        request.attributes["http.request.body.size"],
        request.attributes["http.response.body.size"],
    ) == (3, 2)


def test_a_script_without_run_is_refused(run_script: RunScript) -> None:
    run_script(
        "from stepsight import scoring\n"
        "try:\n    scoring.wrap({})\nexcept TypeError as exc:\n"
        "    assert 'there is none to wrap' in str(exc)\n"
    )


def test_what_a_step_runs_in_is_recorded_once_and_without_secrets(
    receiver: Any, run_script: RunScript
) -> None:
    run_script(
        "import subprocess, sys\n"
        "stepsight.init()\n"
        "if len(sys.argv) > 1:\n"
        "    subprocess.run([sys.executable, __file__], check=True)\n",
        "--token=hunter2",
        OMP_NUM_THREADS="3",
    )

    found = {
        name: [record for record in receiver.records() if record.event_name == name]
        for name in ("stepsight.step.start", "stepsight.step.environment")
    }
    [start], [environment] = found.values()
    assert attributes(start)["process.command_line"].endswith("train.py --token=***")
    keys = {item.key for item in environment.attributes}
    assert {
        "process.command_args",
        "process.working_directory",
        "process.runtime.version",
        "os.type",
        "stepsight.environment.packages",
        "stepsight.environment.variables",
    } <= keys
    text = str([str(request) for _, _, request in receiver.requests])
    assert "hunter2" not in text


def test_the_environment_can_be_left_out(receiver: Any, run_script: RunScript) -> None:
    run_script("stepsight.init()\n", STEPSIGHT_ENVIRONMENT="no")

    assert "stepsight.step.environment" not in {record.event_name for record in receiver.records()}


def test_heartbeats_say_what_process_and_machine_use(receiver: Any, run_script: RunScript) -> None:
    run_script(
        "import threading\n"
        "from stepsight import _lifecycle\n"
        "beaten = threading.Event()\n"
        "stepsight.init()\n"
        "from stepsight import _state\n"
        "read = _lifecycle.Lifecycle._machine_use\n"
        "def noted(self, client):\n"
        "    found = read(self, client)\n"
        "    beaten.set()\n"
        "    return found\n"
        "_lifecycle.Lifecycle._machine_use = noted\n"
        "assert beaten.wait(30)\n",
        STEPSIGHT_HEARTBEAT_S="0.1",
    )

    beat = next(
        attributes(record)
        for record in receiver.records()
        if record.event_name == "stepsight.step.heartbeat"
    )
    assert {
        "process.cpu.time",
        "process.memory.usage",
        "process.thread.count",
        "process.unix.file_descriptor.count",
        "stepsight.file_descriptor.limit",
        "stepsight.memory.peak",
        "system.memory.limit",
        "system.linux.memory.available",
        "system.filesystem.free",
        "system.filesystem.limit",
    } <= set(beat)


TORCHRUN = """
import os, subprocess, sys
if "RANK" not in os.environ:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("STEPSIGHT_M")}
    ranks = [
        subprocess.Popen(
            [sys.executable, __file__],
            env={**environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "3",
                 "TORCHELASTIC_RUN_ID": "job", "TORCHELASTIC_RESTART_COUNT": "0"},
        )
        for rank in range(3)
    ]
    sys.exit(max(rank.wait() for rank in ranks) and 9)
logger.info("rank " + os.environ["RANK"])
if os.environ["RANK"] == "2":
    raise ValueError("rank 2 diverged")
"""


def test_ranks_send_as_one_step_run_of_which_rank_0_tells_start_and_end(
    receiver: Any, run_script: RunScript
) -> None:
    spans = run_script(TORCHRUN, code=9)

    resources = [
        (attributes(resource.resource), record)
        for path, _, request in receiver.requests
        if path == "/v1/logs"
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    assert {told["step_id"] for told, _ in resources} == {"torchrun-job.1"}
    assert {
        (record.body.string_value, told["stepsight.rank"])
        for told, record in resources
        if not record.event_name and record.body.string_value.startswith("rank ")
    } == {("rank 0", 0), ("rank 1", 1), ("rank 2", 2)}
    ends = [told for told, record in resources if record.event_name == "stepsight.step.end"]
    assert [told["stepsight.rank"] for told in ends] == [0]
    # Records of every rank stand in the one span that rank 0 sends.
    [own] = spans
    assert {record.span_id.hex() for _, record in resources} == {own.span_id}
    failure = [
        attributes(record).get("exception.message")
        for told, record in resources
        if record.body.string_value == "worker ended" and told["stepsight.rank"] == 2
    ]
    assert failure == ["rank 2 diverged"]
