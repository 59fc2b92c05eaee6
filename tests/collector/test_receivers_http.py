from __future__ import annotations

import asyncio
import base64
import gzip
import http.client
import json
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from backports import zstd
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from stepsight_collector.errors import StorageError, WalFullError
from stepsight_collector.exposition import render_prometheus
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers.connection import ConnectionLimits
from stepsight_collector.receivers.door import Door
from stepsight_collector.receivers.grpc import GrpcReceiver
from stepsight_collector.receivers.http import HealthPages, build_otlp_app
from stepsight_collector.receivers.ingest import Ingest
from stepsight_collector.receivers.serving import HttpServer, bind
from stepsight_collector.receivers.short_way import ShortWay
from stepsight_collector.wal import Wal, read_entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

MAX_BODY = 100_000
PROTOBUF = {"Content-Type": "application/x-protobuf", "User-Agent": "test/1"}
GZIP = {**PROTOBUF, "Content-Encoding": "gzip"}
JSON = {"Content-Type": "application/json"}
EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def log_request(text: str = "hello") -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = text
    return request.SerializeToString()


class Served:
    """Receivers on free ports over a real log in a temporary directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.wal = Wal(directory)
        self.metrics = Metrics()
        self.port = self.grpc_port = 0

    async def send(
        self, path: str, body: bytes = b"", headers: dict[str, str] | None = None, how: str = "POST"
    ) -> tuple[int, dict[str, str], bytes]:
        return await asyncio.to_thread(self._send, path, body, headers or PROTOBUF, how)

    def _send(
        self, path: str, body: bytes, headers: dict[str, str], how: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(how, path, body, headers)
        answer = connection.getresponse()
        result = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return result

    def stored(self) -> list[bytes]:
        files = sorted((self.directory / "logs").glob("*.wal"))
        return [entry.request for file in files for entry in read_entries(file)]


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Served]:
    served = Served(directory)
    await served.wal.start(lambda _: None)
    ingest = Ingest(served.wal, served.metrics, MAX_BODY, clock=lambda: 7)
    pages = HealthPages(
        served.wal.why_not_ready,
        lambda: render_prometheus(served.metrics, served.wal.usage()),
    )
    door, limits = Door(), ConnectionLimits()
    app = build_otlp_app(ingest, door, pages)
    short = ShortWay(ingest, door)
    server = HttpServer(app, bind("127.0.0.1", 0, "test", "--port"), limits, short=short)
    receiver = GrpcReceiver(ingest, door, "127.0.0.1", 0, limits=limits)
    await server.start()
    await receiver.start()
    served.port, served.grpc_port = server.port, receiver.port
    try:
        yield served
    finally:
        await receiver.stop()
        await server.stop()
        await served.wal.close()
        ingest.close()


def run(directory: Path, *calls: tuple[Any, ...]) -> tuple[list[Any], list[bytes], Served]:
    """Send requests; returns the answers, what the log holds, and what was served."""

    async def scenario() -> tuple[list[Any], Served]:
        async with serving(directory) as served:
            return [await served.send(*call) for call in calls], served

    answers, served = asyncio.run(scenario())
    return answers, served.stored(), served


def test_a_protobuf_request_is_kept_byte_for_byte(tmp_path: Path) -> None:
    [(status, headers, body)], stored, served = run(tmp_path, ("/v1/logs", log_request()))

    assert (status, headers["content-type"], body) == (200, "application/x-protobuf", b"")
    assert stored == [log_request()]
    assert served.metrics.signals["logs"].accepted_records == 1
    [file] = (tmp_path / "logs").glob("*.wal")
    [entry] = read_entries(file)
    assert (entry.client, entry.project, entry.received_time_unix_nano) == ("test/1", "default", 7)


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("zstd", zstd.compress),
        ("identity", bytes),
        ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    ],
)
def test_compressed_bodies_are_kept_uncompressed(
    tmp_path: Path, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    headers = {**PROTOBUF, "Content-Encoding": encoding}

    [answer], stored, _ = run(tmp_path, ("/v1/logs", compress(log_request()), headers))

    assert (answer[0], stored) == (200, [log_request()])


def test_json_becomes_the_same_protobuf(tmp_path: Path) -> None:
    record = {
        "timeUnixNano": "1700000000000000000",
        "severityNumber": 9,
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "eee19b7ec3c1b174",
        "body": {"stringValue": "hi"},
        "unknown": [1],
    }
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}

    [answer], [stored], _ = run(tmp_path, ("/v1/logs", json.dumps(document).encode(), JSON))

    kept = ExportLogsServiceRequest.FromString(stored).resource_logs[0].scope_logs[0].log_records[0]
    assert (answer[0], answer[2]) == (200, b"{}")
    assert kept.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert (kept.span_id.hex(), kept.severity_number) == ("eee19b7ec3c1b174", 9)
    assert kept.time_unix_nano == 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"{bad", "not JSON: Expecting property name"),
        (b"[]", "must be an object"),
        (b'{"resourceLogs": 3}', "not a ExportLogsServiceRequest"),
        (b"\xff\xfe{", "not"),
        (b"[" * 100_000, "nested too deeply"),
        (
            b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}',
            "$.resourceLogs[0].scopeLogs[0].logRecords[0].traceId must be an id in hex digits",
        ),
    ],
)
def test_bad_json_is_malformed_and_says_where(tmp_path: Path, document: bytes, says: str) -> None:
    [(status, _, body)], stored, _ = run(tmp_path, ("/v1/logs", document, JSON))

    answer = json.loads(body)
    assert (status, answer["code"], stored) == (400, 3, [])
    assert says in answer["message"]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("/v1/logs", b"garbage"), 400),
        (("/v1/logs", b"x", GZIP), 400),
        (("/v1/logs", gzip.compress(b"x" * 50)[:-9], GZIP), 400),
        (("/v1/logs", b"x", {**PROTOBUF, "Content-Encoding": "br"}), 415),
        (("/v1/logs", b"x", {"Content-Type": "text/plain"}), 415),
        (("/v1/logs", bytes(MAX_BODY + 1)), 413),
        (("/v1/logs", gzip.compress(bytes(MAX_BODY * 9)), GZIP), 413),
        (("/v1/logs", b"", PROTOBUF, "GET"), 405),
        (("/v1/profiles", b""), 404),
        (("/v1/logs", b""), 200),
        (("/healthz", b"", PROTOBUF, "GET"), 200),
        (("/readyz", b"", PROTOBUF, "GET"), 200),
        (("/metrics", b"", PROTOBUF, "POST"), 405),
    ],
)  # fmt: skip
def test_each_request_has_its_status(tmp_path: Path, call: tuple[Any, ...], expected: int) -> None:
    [answer], stored, _ = run(tmp_path, call)

    assert (answer[0], stored) == (expected, [])


@pytest.mark.parametrize("error", [WalFullError("full"), StorageError("no room")])
def test_a_log_that_cannot_be_written_asks_the_sender_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: StorageError
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(Wal, "append", refuse)

    [(status, headers, _)], _, served = run(tmp_path, ("/v1/logs", log_request()))

    assert (status, headers["retry-after"]) == (503, str(error.retry_after_s))
    assert sum(served.metrics.rejected.values()) == 1


def test_an_unforeseen_failure_is_an_answer_and_no_dropped_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Wal, "append", lambda *_: 1 / 0)

    [(status, _, _)], _, _ = run(tmp_path, ("/v1/logs", log_request()))

    assert status == 500


def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    answers, _, _ = run(
        tmp_path,
        ("/v1/logs", log_request()),
        ("/v1/logs", b"garbage"),
        ("/metrics", b"", PROTOBUF, "GET"),
    )

    lines = answers[-1][2].decode().splitlines()
    assert 'stepsight_accepted_records_total{signal="logs"} 1' in lines
    assert 'stepsight_rejected_requests_total{signal="logs",reason="malformed"} 1' in lines


async def export(served: Served, body: bytes) -> grpc.aio.AioRpcError | None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        try:
            call = channel.unary_unary(EXPORT)
            assert await call(body, compression=grpc.Compression.Gzip) == b""
        except grpc.aio.AioRpcError as exc:
            return exc
    return None


def test_grpc_keeps_a_request_byte_for_byte_and_names_malformed_ones(tmp_path: Path) -> None:
    async def scenario() -> Served:
        async with serving(tmp_path) as served:
            assert await export(served, log_request()) is None
            refused = await export(served, b"garbage")
            assert refused is not None
            assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
        return served

    assert asyncio.run(scenario()).stored() == [log_request()]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WalFullError("full"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (StorageError("no room"), grpc.StatusCode.UNAVAILABLE),
    ],
)
def test_grpc_says_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: StorageError, code: grpc.StatusCode
) -> None:
    def refuse(*_: object) -> None:
        raise error

    async def scenario() -> None:
        async with serving(tmp_path) as served:
            monkeypatch.setattr(Wal, "append", refuse)
            refused = await export(served, log_request())
        assert refused is not None
        details = dict(refused.trailing_metadata() or ())["grpc-status-details-bin"]
        assert refused.code() is code
        assert b"google.rpc.RetryInfo" in details, base64.b64encode(details)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"resourceLogs": ["\\ud800"]}', JSON),
        (b'{"resourceLogs": "\\ud800"}', JSON),
        (
            b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": Infinity}]}]}]}',
            JSON,
        ),
        (b'{"\\ud800": []}', {"Content-Type": "text/\xff"}),
    ],
)
def test_text_that_is_no_text_is_refused_not_a_failure(
    tmp_path: Path, body: bytes, headers: dict[str, str]
) -> None:
    [answer], _, _ = run(tmp_path, ("/v1/logs", body, headers))

    assert answer[0] in {400, 415}
    assert b"The collector failed" not in answer[2]


def test_runs_of_slashes_are_folded(tmp_path: Path) -> None:
    [answer], stored, _ = run(tmp_path, ("//v1//logs", log_request()))

    assert (answer[0], stored) == (200, [log_request()])
