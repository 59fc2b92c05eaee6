"""A real collector process with tokens, TLS and little memory."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import grpc
import pytest
import trustme
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1 << 20
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
TOKENS = """
[[tokens]]
name = "a writes"
project = "a"
token = "write-token-of-a"

[[tokens]]
name = "a reads"
project = "a"
role = "read"
token = "read-token-of-aa"

[[tokens]]
name = "everything"
project = "*"
role = "read"
token = "read-token-of-all"
"""


def log_request(text: str) -> bytes:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="parent_run_id").value.string_value = f"run-{text}"
    record = resource.scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
    record.body.string_value = text
    return request.SerializeToString()


class Collector:
    """A running collector and how to ask it."""

    def __init__(self, process: subprocess.Popen[str], ready: Path) -> None:
        self.process = process
        wait_for(lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, process.stderr and process.stderr.read()
        self.addresses: dict[str, str] = json.loads(ready.read_text())

    def ask(
        self,
        port: str,
        path: str,
        body: bytes | None = None,
        *,
        token: str = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        headers = dict(headers or {})
        parts = urlsplit(self.addresses[port])
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request("GET" if body is None else "POST", path, body, PROTOBUF | headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text[:1] == b"{" else text

    def memory_mib(self, field: str) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        raise AssertionError(field)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **environ: str) -> Collector:
        ready = tmp_path / "ready.json"
        ports = ("--grpc-port", "0", "--http-port", "0", "--ui-port", "0")
        process = subprocess.Popen(
            [sys.executable, "-m", "stepsight_collector", "--data", str(tmp_path / "data"),
             *ports, "--ready-file", str(ready), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environ},
        )  # fmt: skip
        started.append(process)
        return Collector(process, ready)

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_projects_are_kept_apart_and_tokens_are_exchanged_while_it_runs(
    tmp_path: Path, start: Callable[..., Collector]
) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(TOKENS)
    running = start("--tokens-file", str(file), STEPSIGHT_WRITE_TOKEN="write-token-of-default")

    for token, text in (("write-token-of-a", "A"), ("write-token-of-default", "D")):
        assert running.ask("otlp_http", "/v1/logs", log_request(text), token=token)[0] == 200
    assert running.ask("otlp_http", "/v1/logs", log_request("no"))[0] == 401
    wait_for(
        lambda: (
            running.ask("ui", "/api/status", token="read-token-of-all")[1]["records"]["stored"] == 2
        )
    )

    def runs(token: str, **headers: str) -> list[str]:
        _, found = running.ask("ui", "/api/runs", token=token, headers=headers)
        return [run["run_id"] for run in found["runs"]]

    assert runs("read-token-of-aa") == ["run-A"]
    assert runs("read-token-of-all") == ["run-D"]
    assert runs("read-token-of-all", **{"X-Stepsight-Project": "a"}) == ["run-A"]
    assert runs("", **{"X-Api-Key": "read-token-of-aa"}) == ["run-A"]
    assert running.ask("ui", "/api/runs?project=default", token="read-token-of-aa")[0] == 403
    assert running.ask("ui", "/api/runs?project=a", token="read-token-of-all")[0] == 200
    assert running.ask("ui", "/api/runs")[0] == 401
    assert running.ask("ui", "/api/nothing")[0] == 401
    sql = json.dumps({"sql": "SELECT ProjectId FROM otel_logs ORDER BY 1"}).encode()
    status, refusal = running.ask("ui", "/api/query", sql, token="read-token-of-aa")
    assert (status, refusal["error"]["code"]) == (403, "forbidden")
    status, answer = running.ask("ui", "/api/query", sql, token="read-token-of-all")
    assert (status, answer["rows"]) == (200, [["a"], ["default"]])

    file.write_text(TOKENS.replace("write-token-of-a", "a-fresh-write-token"))
    wait_for(
        lambda: running.ask("otlp_http", "/v1/logs", b"", token="a-fresh-write-token")[0] == 200
    )
    assert running.ask("otlp_http", "/v1/logs", b"", token="write-token-of-a")[0] == 401
    file.write_text("[[tokens]]\ntoken = 'too-short-token'")
    running.process.send_signal(signal.SIGHUP)
    assert running.process.stderr is not None
    lines = iter(running.process.stderr.readline, "")
    complaint = next(line for line in lines if "not read again" in line)
    assert running.ask("otlp_http", "/v1/logs", b"", token="a-fresh-write-token")[0] == 200

    running.process.send_signal(signal.SIGTERM)
    said, complaints = running.process.communicate(timeout=30)
    assert running.process.returncode == 0
    for secret in ("write-token-of", "read-token-of", "too-short-token"):
        assert secret not in said + complaint + complaints


def serve_certificate(authority: trustme.CA, directory: Path) -> int:
    """Write a fresh certificate; returns its serial number."""
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    leaf.cert_chain_pems[0].write_to_path(directory / "tls.crt")
    leaf.private_key_pem.write_to_path(directory / "tls.key")
    details = ssl._ssl._test_decode_cert(str(directory / "tls.crt"))  # type: ignore[attr-defined]
    return int(details["serialNumber"], 16)


def connect(address: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    parts = urlsplit(address)
    plain = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
    return context.wrap_socket(plain, server_hostname="localhost")


def serial(connection: ssl.SSLSocket) -> int:
    return int((connection.getpeercert() or {})["serialNumber"], 16)  # type: ignore[arg-type]


def is_alive(connection: ssl.SSLSocket) -> bool:
    connection.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    return b" 200 OK" in connection.recv(1000)


@pytest.mark.filterwarnings("ignore:ssl NPN")
def test_all_ports_speak_tls_and_a_new_certificate_drops_no_connection(
    tmp_path: Path, start: Callable[..., Collector]
) -> None:
    authority = trustme.CA()
    first = serve_certificate(authority, tmp_path)
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    running = start("--tls-cert", str(tmp_path / "tls.crt"), "--tls-key", str(tmp_path / "tls.key"))
    http_address, ui, rpc = (running.addresses[key] for key in ("otlp_http", "ui", "otlp_grpc"))
    assert {urlsplit(address).scheme for address in (http_address, ui, rpc)} == {"https"}
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    target = f"localhost:{urlsplit(rpc).port}"

    def export(channel: grpc.Channel) -> bytes:
        answer: bytes = channel.unary_unary(LOGS)(log_request("over TLS"), timeout=10)
        return answer

    with (
        connect(http_address, context) as old,
        connect(ui, context) as old_ui,
        grpc.secure_channel(target, credentials) as old_channel,
    ):
        assert export(old_channel) == b""
        assert (is_alive(old), serial(old), serial(old_ui)) == (True, first, first)

        second = serve_certificate(authority, tmp_path)

        def has_changed(address: str) -> bool:
            with connect(address, context) as probe:
                return serial(probe) == second

        wait_for(lambda: has_changed(http_address))
        assert (has_changed(ui), has_changed(rpc)) == (True, True)
        assert (is_alive(old), serial(old)) == (True, first)
        assert export(old_channel) == b""
        with grpc.secure_channel(target, credentials) as channel:
            assert export(channel) == b""

        (tmp_path / "tls.key").write_text("no key")
        assert running.process.stderr is not None
        lines = iter(running.process.stderr.readline, "")
        assert any("what was in use stays: The certificate" in line for line in lines)
        assert has_changed(http_address)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--host", "0.0.0.0"), "--host 0.0.0.0 would let every machine"),  # noqa: S104
        (("--tls-cert", "cert.pem"), "TLS needs both --tls-cert and --tls-key"),
        (("--tls-cert", "no.pem", "--tls-key", "no.pem"), "The TLS file no.pem cannot be read"),
        (("--tokens-file", "no.toml"), "The tokens file no.toml cannot be read: No such file"),
    ],
)
def test_what_cannot_be_secured_does_not_start(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stepsight_collector", "--data", str(tmp_path), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == 2
    assert says in done.stderr


def test_bombs_of_a_hundred_clients_do_not_go_off(start: Callable[..., Collector]) -> None:
    """One of 4 million spans would take 700 MiB when parsed at once, 100 of 8 MiB take 800."""
    running = start("--max-body-bytes", str(8 * MIB))
    spans = b"\x0a\xfd\xff\xff\x03\x12\xf8\xff\xff\x03" + b"\x12\x00" * (4 * MIB - 4)
    cut_short = log_request("x" * (4 * MIB - 200))[:-1]
    bombs = [gzip.compress(each) for each in (bytes(9 * MIB), spans, cut_short)]
    before = running.memory_mib("VmRSS")

    def throw(number: int) -> int:
        headers = {"Content-Encoding": "gzip"}
        path = "/v1/traces" if number % 3 == 1 else "/v1/logs"
        return running.ask("otlp_http", path, bombs[number % 3], headers=headers)[0]

    with ThreadPoolExecutor(100) as clients:
        statuses = set(clients.map(throw, range(100)))
    grown = running.memory_mib("VmHWM") - before

    assert statuses == {400, 413}
    assert running.ask("otlp_http", "/v1/logs", log_request("still here"))[0] == 200
    assert grown < 250


def test_memory_stays_within_its_budget_while_a_hundred_clients_hold_on(
    tmp_path: Path, start: Callable[..., Collector]
) -> None:
    """100 bodies of 4 MiB that lack their last byte take 400 MiB; the budget is 16.

    And a quarter of it is there for another project.
    """
    file = tmp_path / "tokens.toml"
    file.write_text(TOKENS + '[[tokens]]\nname = "b"\nproject = "b"\ntoken = "write-token-of-b"\n')
    running = start(
        "--tokens-file", str(file),
        "--max-in-flight-bytes", str(16 * MIB), "--max-body-bytes", str(4 * MIB),
        "--max-grpc-message-bytes", str(4 * MIB),
    )  # fmt: skip
    before = running.memory_mib("VmRSS")
    parts = urlsplit(running.addresses["otlp_http"])
    head = (
        f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        f"Authorization: Bearer write-token-of-a\r\n"
        f"Content-Length: {4 * MIB}\r\n\r\n"
    ).encode()
    opened = [
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)
        for _ in range(100)
    ]

    def hold_on(client: socket.socket) -> bytes:
        client.sendall(head + bytes(4 * MIB - 1))
        client.settimeout(4)  # longer than a request waits for memory
        try:
            return client.recv(12)
        except TimeoutError:
            return b"waits"

    with ThreadPoolExecutor(100) as clients:
        answers = list(clients.map(hold_on, opened))
    grown = running.memory_mib("VmHWM") - before
    another = running.ask("otlp_http", "/v1/logs", log_request("b" * MIB), token="write-token-of-b")
    for client in opened:
        client.close()

    assert another[0] == 200
    assert set(answers) == {b"waits", b"HTTP/1.1 503"}
    assert answers.count(b"waits") == 3  # three quarters of the budget
    assert grown < 16 + 100, answers  # the budget, and what 100 connections have in their buffers
    assert (
        running.ask("otlp_http", "/v1/logs", log_request("still here"), token="write-token-of-a")[0]
        == 200
    )
