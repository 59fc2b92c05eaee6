"""Who gets in over HTTP and gRPC, how much, and what they are told otherwise."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import logging
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

from stepsight_collector.access import Access, Credentials, Token, digest
from stepsight_collector.receivers.door import Door
from stepsight_collector.receivers.quota import Quota, Quotas

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    Serve = Callable[..., AbstractAsyncContextManager[Any]]

MIB = 1 << 20
WRITE, READ = "write-token-of-digits", "read-token-of-digits"
ACCESS = Credentials(
    (
        Token("writer", "digits", "write", digest(WRITE)),
        Token("reader", "digits", "read", digest(READ)),
    )
)
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
PROFILES = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"


def log_request(*texts: str) -> bytes:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for text in texts or ("hello",):
        records.add().body.string_value = text
    return request.SerializeToString()


def guarded() -> Door:
    return Door(Access(ACCESS))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


Answer = tuple[int, dict[str, str], bytes]


async def ask(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Answer:
    def send() -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return found

    return await asyncio.to_thread(send)


def over_http(receivers: Serve, *calls: tuple[Any, ...], **given: Any) -> tuple[list[Answer], Any]:
    async def scenario() -> tuple[list[Answer], Any]:
        async with receivers(**given) as served:
            return [await ask(served.port, *call) for call in calls], served

    return asyncio.run(scenario())


async def export(port: int, body: bytes, *, method: str = LOGS, **metadata: str) -> Any:
    """Call over gRPC; returns the answer's bytes or the error."""
    options = (("grpc.max_send_message_length", -1),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        try:
            return await channel.unary_unary(method)(body, metadata=tuple(metadata.items()))
        except grpc.aio.AioRpcError as exc:
            return exc


def over_grpc(receivers: Serve, body: bytes, **given: Any) -> tuple[Any, Any]:
    metadata = given.pop("metadata", {})
    method = given.pop("method", LOGS)

    async def scenario() -> tuple[Any, Any]:
        async with receivers(**given) as served:
            return await export(served.grpc_port, body, method=method, **metadata), served

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, 16),
        (bearer("unknown-token"), 401, 16),
        (bearer(READ), 403, 7),
        (bearer(WRITE), 200, None),
    ],
)
def test_http_asks_for_a_write_token(
    receivers: Serve, headers: dict[str, str], status: int, code: int | None
) -> None:
    call = ("POST", "/v1/logs", b"{}", JSON | headers)

    [(found, answer_headers, body)], served = over_http(receivers, call, door=guarded())

    assert found == status
    assert json.loads(body).get("code") == code
    challenge = 'Bearer realm="stepsight"' if status == 401 else None
    assert answer_headers.get("www-authenticate") == challenge
    assert served.metrics.rejected == ({} if status == 200 else {("logs", "access"): 1})


def test_the_project_of_the_token_is_written_to_the_log(receivers: Serve) -> None:
    call = ("POST", "/v1/logs", log_request(), PROTOBUF | bearer(WRITE))

    _, served = over_http(receivers, call, door=guarded())

    assert [entry.project for entry in served.entries()] == ["digits"]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({}, grpc.StatusCode.UNAUTHENTICATED),
        ({"authorization": "Bearer unknown"}, grpc.StatusCode.UNAUTHENTICATED),
        ({"authorization": f"Bearer {READ}"}, grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_grpc_asks_for_a_write_token(
    receivers: Serve, metadata: dict[str, str], code: grpc.StatusCode
) -> None:
    answer, served = over_grpc(receivers, log_request(), door=guarded(), metadata=metadata)

    assert answer.code() is code
    assert "token" in answer.details()
    assert served.entries() == []


def test_grpc_takes_a_write_token(receivers: Serve) -> None:
    metadata = {"authorization": f"Bearer {WRITE}"}

    answer, served = over_grpc(receivers, log_request(), door=guarded(), metadata=metadata)

    assert answer == b""
    assert [entry.project for entry in served.entries()] == ["digits"]


@pytest.mark.parametrize(
    ("path", "is_guarded", "headers", "status"),
    [
        ("/healthz", True, {}, 200),
        ("/readyz", True, {}, 200),
        ("/metrics", False, {}, 200),
        ("/metrics", True, {}, 401),
        ("/metrics", True, bearer(WRITE), 403),
        ("/metrics", True, bearer(READ), 200),
    ],
)
def test_health_pages_are_open_and_metrics_are_not_to_strangers(
    receivers: Serve, path: str, is_guarded: bool, headers: dict[str, str], status: int
) -> None:
    call = ("GET", path, b"", headers)

    [(found, _, _)], _ = over_http(receivers, call, door=guarded(), is_guarded=is_guarded)

    assert found == status


def exporters(kind: str, served: Any, token: str) -> Any:
    if kind == "grpc":
        return GrpcLogExporter(
            endpoint=f"127.0.0.1:{served.grpc_port}",
            insecure=True,
            headers={"authorization": f"Bearer {token}"},
            timeout=5,
        )
    return OTLPLogExporter(
        endpoint=f"http://127.0.0.1:{served.port}/v1/logs", headers=bearer(token), timeout=5
    )


@pytest.mark.parametrize("kind", ["http", "grpc"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_exporters_of_opentelemetry_get_in_with_their_headers(
    receivers: Serve, kind: str
) -> None:
    async def scenario() -> Any:
        async with receivers(door=guarded()) as served:

            def send() -> None:
                provider = LoggerProvider(shutdown_on_exit=False)
                exporter = exporters(kind, served, WRITE)
                provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
                handler = LoggingHandler(logger_provider=provider)
                handler.emit(logging.LogRecord("a", 20, "f", 1, "from the SDK", None, None))
                provider.shutdown()

            await asyncio.to_thread(send)
            return served

    [entry] = asyncio.run(scenario()).entries()
    request = ExportLogsServiceRequest.FromString(entry.request)
    assert request.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "from the SDK"
    assert entry.project == "digits"


def test_a_project_over_its_quota_is_told_when_to_come_again(receivers: Serve) -> None:
    body = log_request("x" * 2_000)
    call = ("POST", "/v1/logs", body, PROTOBUF)
    door = Door(quotas=Quotas(Quota(bytes_per_s=100), clock=lambda: 0.0))

    answers, served = over_http(receivers, call, call, door=door)

    wait = str(-(-(len(body) - 1_000) // 100))
    assert [status for status, _, _ in answers] == [200, 429]
    assert answers[1][1]["retry-after"] == wait
    assert served.metrics.rejected == {("logs", "quota"): 1}


def test_a_project_over_its_quota_is_told_over_grpc_too(receivers: Serve) -> None:
    quotas = Quotas(Quota(records_per_s=1), clock=lambda: 0.0)
    quotas.take("default", 1, 13)

    answer, _ = over_grpc(receivers, log_request(), door=Door(quotas=quotas))

    details = dict(answer.trailing_metadata())["grpc-status-details-bin"]
    assert answer.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details.endswith(b"google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x03")  # 3 s


def test_who_floods_a_log_that_nobody_empties_leaves_the_last_quarter_to_others(
    receivers: Serve,
) -> None:
    other = Token("other", "faces", "write", digest("write-token-of-faces"))
    access = Access(Credentials((*ACCESS.tokens, other)))
    flood = ("POST", "/v1/logs", log_request("x" * 100_000), PROTOBUF | bearer(WRITE))
    small = (
        "POST",
        "/v1/logs",
        log_request("y" * 10_000),
        PROTOBUF | bearer("write-token-of-faces"),
    )
    calls = (small, *[flood] * 10, small, small, flood)

    answers, _ = over_http(receivers, *calls, door=Door(access), wal_quota_bytes=1_000_000)

    assert [status for status, _, _ in answers] == [200, *[200] * 8, 503, 503, 200, 200, 503]
    assert answers[-1][1]["retry-after"] == "10"


def test_who_is_alone_may_fill_the_whole_log(receivers: Serve) -> None:
    flood = ("POST", "/v1/logs", log_request("x" * 100_000), PROTOBUF)

    answers, _ = over_http(receivers, *[flood] * 11, wal_quota_bytes=1_000_000)

    assert [status for status, _, _ in answers] == [*[200] * 9, 503, 503]


def test_without_memory_a_request_is_to_come_again_over_http_and_grpc(receivers: Serve) -> None:
    async def scenario() -> tuple[Answer, Any, Any]:
        door = Door(max_in_flight_bytes=22 * MIB)
        async with receivers(door=door) as served:
            with await door.room("default", 16 * MIB):
                plain = await ask(served.port, "POST", "/v1/logs", bytes(MIB), PROTOBUF)
                rpc = await export(served.grpc_port, log_request())
            assert (await ask(served.port, "POST", "/v1/logs", b"", PROTOBUF))[0] == 200
            assert await export(served.grpc_port, log_request()) == b""
            assert door.budget.used_bytes == 0
        return plain, rpc, served

    (status, headers, _), rpc, served = asyncio.run(scenario())

    assert (status, headers["retry-after"]) == (503, "1")
    assert rpc.code() is grpc.StatusCode.UNAVAILABLE
    assert b"RetryInfo" in dict(rpc.trailing_metadata())["grpc-status-details-bin"]
    assert served.metrics.rejected == {("logs", "busy"): 2}


def test_a_bomb_that_fits_no_memory_is_refused_before_it_goes_off(receivers: Serve) -> None:
    bomb = gzip.compress(bytes(40 * MIB))
    call = ("POST", "/v1/logs", bomb, PROTOBUF | {"Content-Encoding": "gzip"})

    [(status, _, _)], _ = over_http(receivers, call, door=Door(max_in_flight_bytes=22 * MIB))

    assert status == 413


def test_a_json_request_counts_as_what_it_takes_in_memory(receivers: Serve) -> None:
    text = b'{"resourceLogs":[' + b"{}," * 200_000 + b"{}]}"
    call = ("POST", "/v1/logs", text, JSON)

    [(status, _, body)], _ = over_http(receivers, call, door=Door(max_in_flight_bytes=22 * MIB))

    assert (status, "of memory" in json.loads(body)["message"]) == (413, True)


def test_a_part_that_cannot_be_kept_is_reported_over_http(receivers: Serve) -> None:
    body = log_request("one", "tXo", "three").replace(b"tXo", b"t\xffo")

    [(status, _, answer)], served = over_http(receivers, ("POST", "/v1/logs", body, PROTOBUF))

    partial = ExportLogsServiceResponse.FromString(answer).partial_success
    assert (status, partial.rejected_log_records) == (200, 1)
    assert served.metrics.signals["logs"].rejected_records == 1
    assert "UTF-8" in partial.error_message
    assert [entry.records for entry in served.entries()] == [2]


def test_a_part_that_cannot_be_kept_is_reported_over_grpc(receivers: Serve) -> None:
    answer, _ = over_grpc(receivers, log_request("one", "tXo").replace(b"tXo", b"t\xffo"))

    assert ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records == 1


def test_a_part_that_cannot_be_kept_is_reported_in_json(receivers: Serve) -> None:
    attributes = [{"key": "a"}] * 262_145
    small, large = {"body": {"stringValue": "x"}}, {"attributes": attributes}
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [small, large]}]}]}
    text = json.dumps(document, separators=(",", ":")).encode()

    [(status, _, answer)], _ = over_http(
        receivers, ("POST", "/v1/logs", text, JSON), door=Door(max_in_flight_bytes=512 * MIB)
    )

    partial = json.loads(answer)["partialSuccess"]
    assert (status, partial["rejectedLogRecords"]) == (200, "1")
    assert "more than 262144 attributes" in partial["errorMessage"]


def test_many_small_calls_at_once_all_find_room(receivers: Serve) -> None:
    """Each one reserves 16 MiB while it is read, which is over at once."""

    async def scenario() -> tuple[list[Any], Any]:
        async with receivers() as served:
            address = f"127.0.0.1:{served.grpc_port}"
            async with grpc.aio.insecure_channel(address) as channel:
                call = channel.unary_unary(LOGS)
                answers = await asyncio.gather(*(call(log_request("x" * 999)) for _ in range(300)))
        return answers, served

    answers, served = asyncio.run(scenario())

    assert set(answers) == {b""}
    assert len(served.entries()) == 300


def test_profiles_are_refused_in_a_sentence(receivers: Serve) -> None:
    answer, _ = over_grpc(receivers, b"", method=PROFILES)

    assert answer.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "Profiles are not stored here" in answer.details()


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_grpc_refuses_a_message_over_its_limit(receivers: Serve, compression: Any) -> None:
    async def scenario() -> Any:
        async with receivers(max_grpc_bytes=MIB) as served:
            options = (("grpc.max_send_message_length", -1),)
            address = f"127.0.0.1:{served.grpc_port}"
            async with grpc.aio.insecure_channel(address, options) as channel:
                call = channel.unary_unary(LOGS)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(bytes(2 * MIB), compression=compression)
            return caught.value.code()

    assert asyncio.run(scenario()) in {
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INVALID_ARGUMENT,
    }


def test_a_proxys_prefix_is_served_beside_the_root(receivers: Serve) -> None:
    calls = [("POST", path, b"", PROTOBUF) for path in ("/s/v1/logs", "/v1/logs", "/sv1/logs")]

    answers, _ = over_http(receivers, *calls, prefix="/s")

    assert [status for status, _, _ in answers] == [200, 200, 404]


PREFLIGHT = {
    "Origin": "https://app.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,authorization",
}


@pytest.mark.parametrize(
    ("origins", "status", "allowed"),
    [
        ("", 405, None),
        ("https://other.example", 405, None),
        ("https://other.example, https://App.example/", 204, "https://app.example"),
        ("*", 204, "https://app.example"),
    ],
)
def test_browsers_may_send_if_their_page_is_allowed_to(
    receivers: Serve, origins: str, status: int, allowed: str | None
) -> None:
    post = ("POST", "/v1/logs", b"", PROTOBUF | {"Origin": "https://app.example"})

    answers, _ = over_http(
        receivers, ("OPTIONS", "/v1/logs", b"", PREFLIGHT), post, origins=origins
    )

    assert [answer[0] for answer in answers] == [status, 200]
    for _, headers, _ in answers:
        assert headers.get("access-control-allow-origin") == allowed
    if allowed:
        assert answers[0][1]["access-control-allow-headers"] == "content-type,authorization"
