"""What a client may do to a connection: raw bytes on real sockets."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from stepsight_collector.receivers import watchman
from stepsight_collector.receivers.connection import ConnectionLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    Serve = Callable[..., AbstractAsyncContextManager[Any]]

MIB = 1 << 20
LIMITS = ConnectionLimits()
PROTOBUF = "Content-Type: application/x-protobuf\r\n"


def log_request(text: str = "hello") -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = text
    return request.SerializeToString()


def post(body: bytes, headers: str = PROTOBUF, path: str = "/v1/logs") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are looked at fifty times a second."""
    monkeypatch.setattr(watchman, "_CHECK_INTERVAL_S", 0.02)


class Client:
    """A connection that sends bytes and reads answers."""

    opened: ClassVar[list[Client]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.opened.append(self)

    @classmethod
    async def connect(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.rstrip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split()[1]), headers, body

    async def is_closed(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True


def run(scenario: Any) -> Any:
    async def limited() -> Any:
        try:
            async with asyncio.timeout(30):
                return await scenario()
        finally:
            for client in Client.opened:
                client.writer.transport.abort()
            await asyncio.sleep(0)
            Client.opened.clear()

    return asyncio.run(limited())


def statuses(receivers: Serve, *sent: bytes, answers: int = 1, **given: Any) -> list[int]:
    """Send bytes on one connection and return the statuses of the answers."""

    async def scenario() -> list[int]:
        async with receivers(**given) as served:
            client = await Client.connect(served.port)
            await client.send(*sent)
            return [(await client.answer())[0] for _ in range(answers)]

    return list(run(scenario))


def test_pipelined_requests_are_answered_in_order(receivers: Serve) -> None:
    sent = post(log_request("1")) + post(b"bad") + post(log_request("2")) + post(b"")

    assert statuses(receivers, sent, answers=4) == [200, 400, 200, 200]


@pytest.mark.parametrize(
    ("request_line", "status", "allow"),
    [
        ("GET /v1/logs", 405, "post"),
        ("HEAD /v1/logs", 405, "post"),
        ("OPTIONS /v1/logs", 405, "post"),
        ("PUT /v1/traces", 405, "post"),
        ("POST /healthz", 405, "get, head"),
        ("HEAD /healthz", 200, None),
        ("GET //healthz/", 200, None),
        ("POST /v1development/profiles", 501, None),
        ("POST /v1/nothing", 404, None),
    ],
)
def test_each_method_has_its_answer(
    receivers: Serve, request_line: str, status: int, allow: str | None
) -> None:
    async def scenario() -> tuple[int, str | None]:
        async with receivers() as served:
            client = await Client.connect(served.port)
            head = f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            await client.send(head.encode() + b"Content-Length: 0\r\n\r\n")
            lines = (await client.reader.read()).decode().lower().split("\r\n")
            allows = [line[7:] for line in lines if line.startswith("allow: ")]
        return int(lines[0].split()[1]), allows[0] if allows else None

    assert run(scenario) == (status, allow)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; Charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ("application/json; charset=utf-16", 415),
        ("application/x-protobuf; charset=latin1", 415),
        ("application/x-protobuf;encoding=delimited", 400),
        ("text/json", 415),
        ("", 415),
    ],
)
def test_parameters_of_a_content_type_are_understood(
    receivers: Serve, content_type: str, status: int
) -> None:
    assert statuses(receivers, post(b"{}", f"Content-Type: {content_type}\r\n")) == [status]


def test_a_client_that_asks_before_it_sends_is_told_to_go_on_or_refused(receivers: Serve) -> None:
    expect = PROTOBUF + "Expect: 100-continue\r\n"
    head = post(b"", expect).replace(b"Content-Length: 0", b"Content-Length: %d")
    body = log_request()

    async def scenario() -> list[int]:
        async with receivers(max_body_bytes=1000) as served:
            client = await Client.connect(served.port)
            await client.send(head % len(body))
            found = [(await client.answer())[0]]
            await client.send(body)
            found.append((await client.answer())[0])
            await client.send(head % 1001)
            found.append((await client.answer())[0])
        return found

    assert run(scenario) == [100, 200, 413]


@pytest.mark.parametrize("how", ["length", "chunked", "gzip"])
def test_a_request_of_64_mib_is_kept(receivers: Serve, how: str) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for _ in range(21):
        records.add().body.string_value = "x" * (3 * MIB)
    body = request.SerializeToString()
    records.add().body.string_value = "x" * (64 * MIB - len(body) - 30)
    body = request.SerializeToString()
    sent = post(body)
    if how == "gzip":
        sent = post(gzip.compress(body, 1), PROTOBUF + "Content-Encoding: gzip\r\n")
    if how == "chunked":
        headers = PROTOBUF + "Transfer-Encoding: chunked\r\n"
        head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
        sent = head.encode() + chunked(body, 100_000)

    assert statuses(receivers, sent) == [200]


def test_a_chunked_body_over_the_limit_is_refused_and_the_connection_goes_on(
    receivers: Serve,
) -> None:
    head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\n{PROTOBUF}Transfer-Encoding: chunked\r\n\r\n"
    sent = head.encode() + chunked(bytes(300_000), 1000) + post(b"")

    assert statuses(receivers, sent, answers=2, max_body_bytes=200_000) == [413, 200]


def test_a_refused_body_is_read_so_far_and_no_further(receivers: Serve) -> None:
    async def scenario() -> tuple[int, bool, dict[str, int]]:
        limits = replace(LIMITS, max_refused_bytes=100_000)
        async with receivers(limits=limits, max_body_bytes=1000) as served:
            client = await Client.connect(served.port)
            await client.send(post(b"").replace(b"Length: 0", b"Length: 10000000"))
            status = (await client.answer())[0]
            try:
                for _ in range(100):
                    await client.send(bytes(100_000))
            except ConnectionError:
                pass
            closed = await client.is_closed()
        return status, closed, dict(served.metrics.cut_connections)

    assert run(scenario) == (413, True, {"refused_body": 1})


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "slow_header"),
        (b"POST /v1/lo", "slow_header"),
        (b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nX-A: b\r\n", "slow_header"),
        (post(log_request()) + b"POST /", "slow_header"),
        (post(log_request())[:-1], "slow_body"),
        (post(log_request()) + post(log_request())[:-1], "slow_body"),
    ],
)
def test_a_client_that_is_too_slow_is_cut_and_told_so(
    receivers: Serve, sent: bytes, reason: str
) -> None:
    async def scenario() -> tuple[bytes, dict[str, int]]:
        limits = replace(LIMITS, header_timeout_s=0.1, body_timeout_s=0.1)
        async with receivers(limits=limits) as served:
            client = await Client.connect(served.port)
            await client.send(sent)
            answers = await client.reader.read()
        return answers, dict(served.metrics.cut_connections)

    answers, cut = run(scenario)

    assert b"HTTP/1.1 408 Request Timeout" in answers
    assert cut == {reason: 1}


def test_a_slow_body_is_let_alone_while_it_keeps_the_lowest_rate(receivers: Serve) -> None:
    async def scenario() -> tuple[bool, bool]:
        limits = replace(LIMITS, body_timeout_s=10, min_body_bytes_per_s=100)
        async with receivers(limits=limits) as served:
            client = await Client.connect(served.port)
            await client.send(post(b"").replace(b"Length: 0", b"Length: 5000"), bytes(1000))
            one = await only_connection(served, lambda one: one.body_bytes == 1000)
            one.look(one.since + 19.9)
            before = one.transport.is_closing()
            one.look(one.since + 20.1)
        return before, one.transport.is_closing()

    assert run(scenario) == (False, True)


async def only_connection(served: Any, is_so: Callable[[Any], bool]) -> Any:
    """Wait until the one connection of a server is in some state."""
    connections = served.server._server.server_state.connections
    while not connections or not is_so(next(iter(connections))):  # noqa: ASYNC110 - no event for it
        await asyncio.sleep(0.001)
    return next(iter(connections))


def test_an_idle_connection_is_closed(receivers: Serve) -> None:
    async def scenario() -> tuple[int, bool]:
        async with receivers(limits=replace(LIMITS, idle_timeout_s=0)) as served:
            client = await Client.connect(served.port)
            await client.send(post(log_request()))
            return (await client.answer())[0], await client.is_closed()

    assert run(scenario) == (200, True)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"x" * 70_000,
        b"GET / HTTP/1.1\r\n" + b"X-Header: y\r\n" * 6_000,
        b"\r\n" * 40_000,
    ],
)
def test_a_header_without_end_is_refused(receivers: Serve, sent: bytes) -> None:
    assert statuses(receivers, sent) == [431]


def test_trailers_do_not_add_up(receivers: Serve) -> None:
    head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\n{PROTOBUF}Transfer-Encoding: chunked\r\n\r\n"
    trailers = b"X-Trailer: y\r\n" * 1_000
    sent = head.encode() + chunked(log_request(), 10)[:-2] + trailers + b"\r\n"

    assert statuses(receivers, sent, post(b""), answers=2) == [200, 200]


def test_too_many_connections_close_the_one_that_was_idle_for_longest(receivers: Serve) -> None:
    async def scenario() -> tuple[list[int], bool, dict[str, int]]:
        async with receivers(limits=replace(LIMITS, max_connections=2)) as served:
            clients = []
            for _ in range(3):
                clients.append(await Client.connect(served.port))
                await clients[-1].send(post(log_request()))
                assert (await clients[-1].answer())[0] == 200
            closed = await clients[0].is_closed()
            for client in clients[1:]:
                await client.send(post(log_request()))
            found = [(await client.answer())[0] for client in clients[1:]]
        return found, closed, dict(served.metrics.cut_connections)

    assert run(scenario) == ([200, 200], True, {"made_room": 1})


def test_too_many_busy_connections_refuse_the_next_one(receivers: Serve) -> None:
    async def scenario() -> tuple[int, str]:
        async with receivers(limits=replace(LIMITS, max_connections=1)) as served:
            busy = await Client.connect(served.port)
            await busy.send(post(log_request())[:-1])
            await only_connection(served, lambda one: one.body_bytes > 0)
            status, headers, _ = await (await Client.connect(served.port)).answer()
        return status, headers["retry-after"]

    assert run(scenario) == (503, "1")


def test_what_is_no_http_is_answered_and_counted(receivers: Serve) -> None:
    async def scenario() -> tuple[int, dict[str, int]]:
        async with receivers() as served:
            client = await Client.connect(served.port)
            await client.send(b"\x16\x03\x01 hello, this is TLS\r\n\r\n")
            status = (await client.answer())[0]
        return status, dict(served.metrics.cut_connections)

    assert run(scenario) == (400, {"not_http": 1})


def test_an_offer_to_upgrade_is_not_taken_and_the_request_is_answered(receivers: Serve) -> None:
    headers = PROTOBUF + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"

    assert statuses(receivers, post(log_request(), headers)) == [200]
