"""kill -9 at random moments under load: nothing acknowledged is lost, nothing is stored twice."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = 20
SENDERS = 3
START_TIMEOUT_S = 30.0
STORE_TIMEOUT_S = 30.0


class Collector:
    """A collector process on free ports over one data directory."""

    def __init__(self, tmp_path: Path) -> None:
        self._tmp_path = tmp_path
        self._ready_file = tmp_path / "ready.json"
        self._process: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, str] = {}

    def start(self) -> None:
        self._ready_file.unlink(missing_ok=True)
        ports = ("--grpc-port", "off", "--http-port", "0", "--ui-port", "0")
        places = ("--data", str(self._tmp_path / "data"), "--ready-file", str(self._ready_file))
        with (self._tmp_path / "collector.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stepsight_collector", *ports, *places],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail((self._tmp_path / "collector.log").read_text()[-3000:])
            self._wait_a_little()
        self.addresses = json.loads(self._ready_file.read_text())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    def ids(self) -> list[str]:
        # One row with all of them: the query API limits rows.
        sql = "SELECT groupArray(LogAttributes['id']) FROM otel_logs"
        body = json.dumps({"sql": sql}).encode()
        status, answer = self._request("ui", "/api/query", body)
        assert status == 200, answer
        [[ids]] = answer["rows"]
        return list(ids)

    def wait_until_stored(self) -> None:
        """Wait until the write-ahead log is empty."""
        deadline = time.monotonic() + STORE_TIMEOUT_S
        while self._request("ui", "/api/status")[1]["wal"]["bytes"] > 0:
            assert time.monotonic() < deadline, "the write-ahead log does not get empty"
            self._wait_a_little()

    def _request(self, place: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.addresses[place]).netloc, timeout=30)
        method = "GET" if body is None else "POST"
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        document = json.loads(answer.read())
        connection.close()
        return answer.status, document

    def _wait_a_little(self) -> None:
        threading.Event().wait(0.02)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    running = Collector(tmp_path)
    yield running
    running.kill()


def request_with_ids(ids: list[str]) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for each in ids:
        record = scope.log_records.add(time_unix_nano=time.time_ns())
        record.attributes.add(key="id").value.string_value = each
    return request.SerializeToString()


def send_until_killed(address: str, numbers: Iterator[int], acked: list[str]) -> None:
    """Send as fast as answers come, note every id whose request was acknowledged."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        while True:
            ids = [str(next(numbers)) for _ in range(random.randint(1, 40))]  # noqa: S311
            headers = {"Content-Type": "application/x-protobuf"}
            connection.request("POST", "/v1/logs", request_with_ids(ids), headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                acked += ids
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()


def load_and_kill(collector: Collector, numbers: Iterator[int], acked: list[str]) -> None:
    senders = [
        threading.Thread(
            target=send_until_killed, args=(collector.addresses["otlp_http"], numbers, acked)
        )
        for _ in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    threading.Event().wait(random.uniform(0.02, 0.9))  # noqa: S311 - a moment, not a secret
    collector.kill()
    for sender in senders:
        sender.join()


def test_kill_9_loses_no_acknowledged_record_and_stores_none_twice(collector: Collector) -> None:
    numbers, acked = itertools.count(), list[str]()
    for _ in range(KILLS):
        collector.start()
        load_and_kill(collector, numbers, acked)

    collector.start()
    collector.wait_until_stored()
    stored = collector.ids()

    print(f"{len(acked)} acknowledged, {len(stored)} stored")

    assert len(acked) > KILLS
    assert len(stored) == len(set(stored))
    assert set(acked) - set(stored) == set()
    assert collector.terminate() == 0
