from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        ports = ("--grpc-port", "0", "--http-port", "0", "--ui-port", "0")
        process = subprocess.Popen(
            [sys.executable, "-m", "stepsight_collector", "--data", str(tmp_path / "data"),
             *ports, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def addresses(file: Path, process: subprocess.Popen[str]) -> dict[str, str]:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
    found: dict[str, str] = json.loads(file.read_text())
    return found


def get(url: str, body: bytes | None = None, content_type: str = "application/json") -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=10) as answer:
        data: bytes = answer.read()
    return data


def test_a_stopped_collector_has_stored_what_it_accepted_and_keeps_it(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    ready = tmp_path / "ready.json"
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "kept"
    first = start("--ready-file", str(ready))
    found = addresses(ready, first)
    get(found["otlp_http"] + "/v1/logs", request.SerializeToString(), "application/x-protobuf")
    status = json.loads(get(found["ui"] + "/api/status"))

    first.send_signal(signal.SIGTERM)
    said, complaints = first.communicate(timeout=30)
    segments_left = list((tmp_path / "data" / "wal").glob("*/*.wal"))
    second = start("--ready-file", str(ready))
    question = json.dumps({"sql": "SELECT Body FROM otel_logs"}).encode()
    rows = json.loads(get(addresses(ready, second)["ui"] + "/api/query", question))["rows"]

    assert (first.returncode, complaints, segments_left, rows) == (0, "", [], [["kept"]])
    assert f"export STEPSIGHT_ENDPOINT={found['otlp_http']}" in said
    assert status["endpoints"] == found
    assert status["records"]["accepted"] == 1


def test_a_second_collector_on_the_same_data_is_refused_with_exit_code_1(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    ready = tmp_path / "ready.json"
    first = start("--ready-file", str(ready))
    addresses(ready, first)

    second = start()
    _, complaint = second.communicate(timeout=30)

    assert second.returncode == 1
    assert f"Another collector (process {first.pid}) works in {tmp_path / 'data'}" in complaint


@pytest.mark.parametrize("flag", ["--http-port", "--ui-port", "--grpc-port"])
def test_a_port_in_use_is_said_plainly_with_exit_code_1(
    start: Callable[..., subprocess.Popen[str]], flag: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        process = start(flag, str(port))
        _, complaint = process.communicate(timeout=30)

    assert process.returncode == 1
    assert f"127.0.0.1:{port}" in complaint
    assert f"with {flag}" in complaint


def test_wrong_settings_are_exit_code_2(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("--wal-quota-bytes", "lots")

    _, complaint = process.communicate(timeout=30)

    assert process.returncode == 2
    assert complaint.startswith("stepsight: --wal-quota-bytes must be a whole number")


def test_a_collector_leaves_nothing_in_its_current_directory(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    ready, elsewhere = tmp_path / "ready.json", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o555)
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "kept"
    process = start("--ready-file", str(ready), cwd=elsewhere)
    found = addresses(ready, process)

    get(found["otlp_http"] + "/v1/logs", request.SerializeToString(), "application/x-protobuf")
    process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=30)

    assert (process.returncode, complaints) == (0, "")
    assert list((tmp_path / "data" / "wal").glob("*/*.wal")) == []  # the store has it
    assert list(elsewhere.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "elsewhere"]
