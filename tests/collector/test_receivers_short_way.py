"""The short way answers as the application does: the same bytes go to both, without sockets."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from uvicorn.server import ServerState

from stepsight_collector.access import Access, Credentials, Token, digest
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers import ingest as ingest_module
from stepsight_collector.receivers.connection import LimitedConnection
from stepsight_collector.receivers.door import Door
from stepsight_collector.receivers.front import with_cors, with_prefix
from stepsight_collector.receivers.http import HealthPages, build_otlp_app
from stepsight_collector.receivers.ingest import Ingest
from stepsight_collector.receivers.known_head import Sender, learn
from stepsight_collector.receivers.quota import Quota, Quotas
from stepsight_collector.receivers.resend import Resends
from stepsight_collector.receivers.shares import Shares
from stepsight_collector.receivers.short_way import ShortWay
from stepsight_collector.receivers.turns import Turns
from stepsight_collector.wal import Wal, read_entries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("with_and_without_native")

MAX_BODY = 400_000
TOKEN = "Authorization: Bearer write-token-of-a\r\n"
TYPE = "Content-Type: application/x-protobuf\r\n"
AGENT = "User-Agent: test/1 x\r\n"
USUAL = TYPE + AGENT + TOKEN
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def logs(*texts: str, nano: int = 1_700_000_000_123_456_789) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for text in texts or ("hello",):
        scope.log_records.add(time_unix_nano=nano).body.string_value = text
    return request.SerializeToString()


def traces() -> bytes:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="s", start_time_unix_nano=7)
    return request.SerializeToString()


def metrics() -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="loss")
    metric.gauge.data_points.add(time_unix_nano=7, as_double=0.5)
    return request.SerializeToString()


def nested() -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.attributes.add(key="list").value.array_value.values.add().int_value = 1
    return request.SerializeToString()


def post(
    body: bytes = b"", headers: str = USUAL, path: str = "/v1/logs", first: str = "POST {} HTTP/1.1"
) -> bytes:
    length = "" if "content-length" in headers.lower() else f"Content-Length: {len(body)}\r\n"
    return f"{first.format(path)}\r\nHost: x\r\n{headers}{length}\r\n".encode() + body


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def bad_among_good() -> bytes:
    return logs("good", "b\x01d", "good").replace(b"b\x01d", b"b\xffd")


class Line(asyncio.Transport):
    """The collector's end of a connection: keeps what is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.is_shut = False
        self.changed = asyncio.Event()
        self.is_readable = asyncio.Event()
        self.is_readable.set()

    def write(self, data: Any) -> None:
        if not self.is_shut:
            self.sent += data
        self.changed.set()

    def close(self) -> None:
        self.is_shut = True
        self.is_readable.set()
        self.changed.set()

    def is_closing(self) -> bool:
        return self.is_shut

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else default

    def pause_reading(self) -> None:
        self.is_readable.clear()

    def resume_reading(self) -> None:
        self.is_readable.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_so():
                self.changed.clear()
                await self.changed.wait()


@dataclass
class Given:
    """What a collector is made with."""

    quota: Quota = field(default_factory=Quota)
    prefix: str = ""
    origins: str = ""
    max_in_flight_bytes: int = 256 << 20
    wal: type[Wal] = Wal


class Served:
    """A collector without ports. On the short way only, with `is_short` and an app that fails."""

    def __init__(self, directory: Path, given: Given, *, is_short: bool) -> None:
        self.directory = directory
        self.wal = given.wal(directory)
        self.metrics = Metrics()
        tokens = (
            Token("writer", "a", "write", digest("write-token-of-a")),
            Token("reader", "a", "read", digest("read-token-of-a")),
        )
        quotas = Quotas(given.quota, clock=lambda: 0.0)
        self.door = Door(Access(Credentials(tokens)), quotas, given.max_in_flight_bytes)
        self.door.shares = Shares(lambda: self.wal.fill)
        resends = Resends(600, 1_000)
        self.ingest = Ingest(self.wal, self.metrics, MAX_BODY, clock=lambda: 7, resends=resends)
        app = build_otlp_app(self.ingest, self.door, HealthPages(lambda: None, lambda: b""))
        self.app = with_cors(with_prefix(app, given.prefix), given.origins)
        self.short = ShortWay(self.ingest, self.door, given.prefix) if is_short else None

    def connect(self, app: Any = None) -> tuple[LimitedConnection, Line]:
        own = {"short": self.short, "cut": self.metrics.cut_connections}
        protocol = type("_Connection", (LimitedConnection,), own)
        config = uvicorn.Config(
            app or self.app, http=protocol, ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, proxy_headers=False,
        )  # fmt: skip
        config.load()
        state = ServerState()
        state.default_headers = [(b"date", b"today")]
        connection, line = protocol(config=config, server_state=state, app_state={}), Line()
        connection.connection_made(line)
        return connection, line

    def outcome(self) -> dict[str, Any]:
        """All that is left behind: counters, entries, what is still held."""
        entries = {
            signal: [
                entry
                for file in sorted((self.directory / signal).glob("*.wal"))
                for entry in read_entries(file)
            ]
            for signal in ("logs", "traces", "metrics")
        }
        return {
            "signals": self.metrics.signals,
            "rejected": self.metrics.rejected,
            "agents": self.metrics.agents,
            "cut": self.metrics.cut_connections,
            "entries": entries,
            "held": self.door.budget.used_bytes,
            "turns": self.door.turns.__dict__,
        }


async def no_app(_scope: Any, _receive: Any, _send: Any) -> None:
    pytest.fail("a request went to the application")


def run(
    directory: Path, scenario: Any, given: Given | None = None, *, is_short: bool = True
) -> Any:
    """Run a scenario with a collector; returns what it returns, and what is left behind."""

    async def served() -> Any:
        one = Served(directory, given or Given(), is_short=is_short)
        await one.wal.start(lambda _: None)
        try:
            result = await scenario(one)
        finally:
            await one.wal.close()
            for _ in range(5):  # turns of the loop in which its answers are passed on
                await asyncio.sleep(0)
            one.ingest.close()
        return result, one.outcome()

    return asyncio.run(served())


async def settled(connection: LimitedConnection, line: Line) -> None:
    """Wait until nothing is worked on, or more of a body is wanted for it."""
    for _ in range(5):  # turns in which a request with a bad header is answered
        await asyncio.sleep(0)

    def is_settled() -> bool:
        is_in_line = bool(connection.pipeline)
        return not is_in_line and (connection.awaits_body or connection._answers_nothing())

    await line.until(lambda: line.is_shut or is_settled())


def both(
    directory: Path, sent: list[bytes], given: Given | None = None, *, is_in_turn: bool = False
) -> list[Any]:
    """Send pieces, and a last request, on a connection of each way.

    In turn: a piece is sent when what came before it is answered, as far as it can be.
    """

    async def talk(served: Served) -> bytes:
        connection, line = served.connect()
        for piece in (*sent, LAST):
            await line.is_readable.wait()
            connection.data_received(piece)
            if is_in_turn:
                await settled(connection, line)
        await line.until(lambda: line.is_shut)
        await asyncio.sleep(0)  # a transport tells in the next turn of the loop
        connection.connection_lost(None)
        return line.sent

    return [
        run(directory / name, talk, given, is_short=name == "short") for name in ("short", "other")
    ]


FINE = post(logs())
ODD: dict[str, list[bytes]] = {
    "usual": [FINE],
    "traces": [post(traces(), path="/v1/traces")],
    "metrics": [post(metrics(), path="/v1/metrics")],
    "pipelined": [post(logs("1")) + post(logs("2")) + post(logs("3"))],
    "pipelined with others": [
        post(logs("1")) + post(b"bad") + HEALTH + post(logs("2"))
    ],
    "the last one in the same piece": [post(logs("1")) + LAST],
    "header before body": [post(logs())[: -len(logs())], logs()],
    "byte by byte": pieces(FINE + post(logs("2")), 1),
    "in parts": pieces(post(logs("x" * 200_000)), 65_536),
    "over what goes the short way": pieces(post(logs("x" * 300_000)), 262_144),
    "over the limit": pieces(post(logs("x" * (MAX_BODY + 1))), 262_144),
    "many records": [post(logs(*map(str, range(2_000))))],
    "nested": [post(nested())],
    "sent again": [FINE + FINE, FINE],
    "sent again without times": [post(logs(nano=0)) * 2],
    "empty": [post()],
    "without records": [post(b"\x0a\x00")],
    "malformed": [post(b"\xff\xff")],
    "truncated": [post(logs()[:-1])],
    "kept in part": [post(bad_among_good())],
    "gzip": [post(gzip.compress(logs()), USUAL + "Content-Encoding: gzip\r\n")],
    "bad gzip": [post(logs(), USUAL + "Content-Encoding: gzip\r\n")],
    "json": [post(b'{"resourceLogs":[]}', AGENT + TOKEN + "Content-Type: application/json\r\n")],
    "charset": [post(logs(), AGENT + TOKEN + TYPE.replace("\r", "; charset=utf-16\r"))],
    "type in capitals": [post(logs(), AGENT + TOKEN + TYPE.replace("protobuf", "Protobuf"))],
    "type twice": [post(logs(), USUAL + "Content-Type: text/plain\r\n")],
    "no type": [post(logs(), AGENT + TOKEN)],
    "no agent": [post(logs(), TYPE + TOKEN)],
    "long agent": [post(logs(), TYPE + TOKEN + "User-Agent: " + "ä" * 500 + "\r\n")],
    "no token": [post(logs(), TYPE), FINE],
    "wrong token": [post(logs(), TYPE + TOKEN.replace("of-a", "of-b")), FINE],
    "reader's token": [post(logs(), TYPE + TOKEN.replace("write", "read")), FINE],
    "token twice": [post(logs(), USUAL + "Authorization: Bearer x\r\n")],
    "expect": [post(logs(), USUAL + "Expect: 100-continue\r\n")],
    "chunked": [
        post(b"18\r\n%b\r\n0\r\n\r\n" % logs(), USUAL + "Transfer-Encoding: chunked\r\n").replace(
            b"Content-Length: ", b"X-Length: "
        )
    ],
    "both lengths": [post(logs(), USUAL + "Transfer-Encoding: chunked\r\n")],
    "length twice": [post(logs(), USUAL + "Content-Length: 5\r\nContent-Length: 6\r\n")],
    "length with zeros": [post(logs(), USUAL + f"Content-Length: 000{len(logs())}\r\n")],
    "length that is none": [post(logs(), USUAL + "Content-Length: -1\r\n")],
    "keep-alive said": [post(logs(), USUAL + "Connection: keep-alive\r\n")],
    "close": [post(logs(), USUAL + "Connection: close\r\n") + FINE],
    "http 1.0": [post(logs(), first="POST {} HTTP/1.0")],
    "http 1.0 kept alive": [
        post(logs(), USUAL + "Connection: keep-alive\r\n", first="POST {} HTTP/1.0")
    ],
    "upgrade": [post(logs(), USUAL + "Connection: upgrade\r\nUpgrade: websocket\r\n")],
    "no http": [b"\x00\x01\x02\r\n\r\n"],
    "no http behind": [FINE + b"\x00\x01\x02\r\n\r\n"],
    "absolute": [post(logs(), path="http://x/v1/logs")],
    "slashes": [post(logs(), path="//v1/logs/")],
    "query": [post(logs(), path="/v1/logs?a=b")],
    "escaped": [post(logs(), path="/v1/l%6Fgs")],
    "elsewhere": [post(logs(), path="/v1/nothing")],
    "origin": [post(logs(), USUAL + "Origin: https://a\r\n")],
    "below a prefix": [
        post(logs("1"), path="/v1/v1/logs"),
        post(logs("2"), path="/stepsight/v1/logs"),
    ],
    **{
        f"{method.lower()}": [post(logs(), first=f"{method} {{}} HTTP/1.1")]
        for method in ("GET", "PUT", "OPTIONS", "DELETE", "PATCH")
    },
    "head": [post(first="HEAD {} HTTP/1.1")],
}  # fmt: skip


FRONTS = [
    Given(),
    Given(prefix="/stepsight", origins="*"),
    Given(prefix="/v1"),  # what is usual is somewhere else now
]


@pytest.mark.parametrize("given", FRONTS, ids=["bare", "front", "shadow"])
@pytest.mark.parametrize("case", ODD)
def test_both_ways_answer_and_keep_the_same(tmp_path: Path, case: str, given: Given) -> None:
    short, long = both(tmp_path, ODD[case], given)

    assert short == long
    assert short[0]
    assert short[1]["held"] == 0


@pytest.mark.parametrize("size", [1 << 20, 50])
@pytest.mark.parametrize("case", ODD)
def test_both_ways_answer_and_keep_the_same_behind_a_header_that_is_known(
    tmp_path: Path, case: str, size: int
) -> None:
    whole = [post(logs("before")), *ODD[case], post(logs("after"))]
    sent = [piece for each in whole for piece in pieces(each, max(size, len(each) // 20))]

    short, long = both(tmp_path, sent, is_in_turn=True)

    assert short == long
    assert short[1]["held"] == 0


def test_a_header_that_is_repeated_is_parsed_once(tmp_path: Path) -> None:
    class NoParser:
        def feed_data(self, data: bytes) -> None:
            pytest.fail(f"parsed: {data!r}")

    async def talk(served: Served) -> int:
        connection, line = served.connect(no_app)
        connection.data_received(FINE)
        await line.until(lambda: line.sent.count(b"200 OK") == 1)
        connection.parser = NoParser()  # type: ignore[assignment]
        for number, size in enumerate((1 << 20, len(FINE) - len(logs()), len(FINE) - 3)):
            for piece in pieces(post(logs(f"h{number}llo")), size):
                connection.data_received(piece)
            await line.until(lambda: line.sent.count(b"200 OK") == number + 2)  # noqa: B023
        return line.sent.count(b"200 OK")

    assert run(tmp_path, talk)[0] == 4


def test_a_token_that_is_taken_away_opens_no_door_for_a_header_that_is_known(
    tmp_path: Path,
) -> None:
    async def talk(served: Served) -> bytes:
        connection, line = served.connect()
        connection.data_received(FINE)
        await line.until(lambda: b"200 OK" in line.sent)
        served.door.access.replace(Credentials((Token("o", "a", "write", digest("other")),)))
        connection.data_received(post(logs("later")))
        await line.until(lambda: line.sent.count(b"HTTP/1.1 ") == 2)
        return line.sent

    assert b"HTTP/1.1 401 " in run(tmp_path, talk)[0]


SENDER = Sender("logs", "test", "a", None)
HEAD = b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (HEAD, (12, len(HEAD))),
        (HEAD + b"and a body", (12, len(HEAD))),
        (HEAD.replace(b"12", b"7"), (7, len(HEAD) - 1)),
        (HEAD.replace(b"12", b"007"), (7, len(HEAD) + 1)),
        (HEAD.replace(b"12", b"123456"), (123_456, len(HEAD) + 4)),
        (HEAD.replace(b"12", b"1234567"), None),
        (HEAD.replace(b"12", b""), None),
        (HEAD.replace(b"12", b"+1"), None),
        (HEAD.replace(b"12", b"1 "), None),
        (HEAD.replace(b"12", "\u0661".encode()), None),
        (HEAD.replace(b"b", b"c"), None),
        (HEAD[:-1], None),
        (HEAD[:-9], None),
        (HEAD[:40], None),
        (b"", None),
    ],
)
def test_a_known_header_is_found_by_its_bytes_alone(
    data: bytes, found: tuple[int, int] | None
) -> None:
    known = learn(HEAD + b"some body", 3, SENDER)

    assert known is not None
    assert known.find_body(data) == found


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (HEAD, 2),  # the parser saw another end
        (HEAD.replace(b"\r\nA", b"\nA"), 2),
        (HEAD.replace(b"A: b", b"A: " + b"b" * 4096), 3),
        (HEAD.replace(b"Content-Length: 12", b"Content-Length: 12, 12"), 3),
        (HEAD[:-1], 3),
    ],
)
def test_a_header_that_may_mean_something_else_is_not_kept(data: bytes, fields: int) -> None:
    assert learn(data, fields, SENDER) is None


@pytest.mark.parametrize(
    "given",
    [Given(Quota(bytes_per_s=1)), Given(Quota(records_per_s=1)), Given(max_in_flight_bytes=60)],
    ids=["bytes", "records", "memory"],
)
def test_both_ways_have_the_same_limits(tmp_path: Path, given: Given) -> None:
    sent = [post(logs(*"abcdefghijkl", nano=number + 1)) for number in range(3)]

    short, long = both(tmp_path, sent, given)

    assert short == long
    assert re.search(rb"HTTP/1.1 (429|413) ", short[0])


def test_both_ways_tell_of_a_log_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stepsight_collector.wal.open_segment._sync", fail)

    (short, left), (long, left_long) = both(tmp_path, [FINE])

    assert (short.replace(b"/short/", b"/other/"), left) == (long, left_long)
    assert short.startswith(b"HTTP/1.1 503 ")


def test_both_ways_answer_what_nobody_thought_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "judge", lambda *_: 1 / 0)

    short, long = both(tmp_path, [FINE])

    assert short == long
    assert short[0].startswith(b"HTTP/1.1 500 ")


def test_a_bug_after_the_disk_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "charge", lambda *_: 1 / 0)

    short, long = both(tmp_path, [FINE])

    assert short == long
    assert short[0].startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("size", [1 << 20, 100, 7])
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/logs", logs()), ("/v1/traces", traces()), ("/v1/metrics", metrics())]
)
def test_usual_requests_do_not_meet_the_application(
    tmp_path: Path, path: str, body: bytes, size: int
) -> None:
    more = "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"

    async def talk(served: Served) -> bytes:
        connection, line = served.connect(no_app)
        for piece in pieces(post(body, USUAL + more, path), size):
            connection.data_received(piece)
        await line.until(lambda: line.sent != b"")
        return line.sent

    sent, _ = run(tmp_path, talk)

    assert sent == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-type: application/x-protobuf\r\n"
        b"content-length: 0\r\n\r\n"
    )


def test_who_has_to_wait_for_memory_or_a_turn_takes_the_long_way(tmp_path: Path) -> None:
    async def talk(served: Served) -> list[bool]:
        door = served.door
        door.turns = Turns(at_once=1)
        held = door.budget.reserve_now("other", door.budget.most_for_one)
        more = door.budget.reserve_now("a", door.budget.max_bytes - door.budget.used_bytes)
        assert held is not None
        assert more is not None
        assert door.turns.takes_one()
        connection, line = served.connect()
        connection.data_received(FINE)
        waited = [line.sent == b""]
        held.release()
        more.release()
        await asyncio.sleep(0)
        waited.append(line.sent == b"")
        door.turns.end()
        await line.until(lambda: line.sent != b"")
        return [*waited, line.sent.startswith(b"HTTP/1.1 200 ")]

    assert run(tmp_path, talk)[0] == [True, True, True]


@pytest.mark.parametrize("sent", [FINE[:-1], FINE[: -len(logs())]])
def test_who_goes_away_within_a_body_leaves_nothing(tmp_path: Path, sent: bytes) -> None:
    async def talk(served: Served) -> tuple[bool, bytes]:
        connection, line = served.connect(no_app)
        connection.data_received(sent)
        was_held = served.door.budget.used_bytes == len(logs())
        line.close()
        connection.connection_lost(None)
        return was_held, line.sent

    result, left = run(tmp_path, talk)

    assert result == (True, b"")
    assert (left["held"], left["entries"]["logs"]) == (0, [])


def test_who_goes_away_before_the_answer_is_kept_and_holds_nothing(tmp_path: Path) -> None:
    async def talk(served: Served) -> bytes:
        connection, line = served.connect(no_app)
        connection.data_received(FINE)
        line.close()
        connection.connection_lost(None)
        await served.wal.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return line.sent

    sent, left = run(tmp_path, talk)

    assert sent == b""
    assert left["held"] == 0
    assert [entry.request for entry in left["entries"]["logs"]] == [logs()]
    assert left["signals"]["logs"].accepted_records == 1


@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("sent", [FINE, post(b"bad")], ids=["fine", "bad"])
def test_a_stop_lets_a_request_end_and_closes(tmp_path: Path, sent: bytes, missing: int) -> None:
    async def talk(served: Served) -> bytes:
        connection, line = served.connect()
        connection.data_received(sent[: len(sent) - missing])
        connection.shutdown()
        if missing:
            connection.data_received(sent[-missing:])
        await line.until(lambda: line.is_shut)
        return line.sent

    (short, left), (long, left_long) = (
        run(tmp_path / name, talk, is_short=name == "short") for name in ("short", "other")
    )

    assert (short, left) == (long, left_long)
    assert b"\r\nconnection: close\r\n" in short


def test_a_client_that_takes_no_answers_takes_the_long_way(tmp_path: Path) -> None:
    """Which holds answers back, and with them what it reads."""

    async def talk(served: Served) -> bool:
        connection, line = served.connect()
        connection.pause_writing()
        connection.data_received(FINE)
        await served.wal.close()
        is_held_back = line.sent == b""
        connection.resume_writing()
        await line.until(lambda: line.sent != b"")
        return is_held_back

    assert run(tmp_path, talk)[0]


@pytest.mark.parametrize("is_short", [True, False])
def test_an_idle_connection_is_let_alone_for_its_time(tmp_path: Path, is_short: bool) -> None:
    async def talk(served: Served) -> list[bool]:
        connection, line = served.connect()
        connection.data_received(FINE)
        connection.look(connection.since + 1_000)  # its answer is awaited: that is no idleness
        shut = [line.is_shut]
        await line.until(lambda: line.sent != b"")
        await asyncio.sleep(0)
        for after_s in (75, 75.1):
            connection.look(connection.since + after_s)
            shut.append(line.is_shut)
        return shut

    assert run(tmp_path, talk, is_short=is_short)[0] == [False, False, True]


# With these the connection ends, and it is a matter of time which answers are out before.
ENDING = {"no http", "no http behind", "length twice", "length that is none", "both lengths"}
ENDING |= {"close", "http 1.0", "http 1.0 kept alive", "the last one in the same piece", "upgrade"}
GOING_ON = [case for case in ODD if case not in ENDING]


@pytest.mark.parametrize("cases", [list(ODD), GOING_ON], ids=["in turn", "at once"])
@pytest.mark.parametrize("seed", range(20))
def test_both_ways_answer_alike_whatever_comes_after_one_another(
    tmp_path: Path, seed: int, cases: list[str]
) -> None:
    chance = random.Random(seed)  # noqa: S311 - chance that can be repeated
    data = b"".join(b"".join(ODD[case]) for case in chance.choices(cases, k=6))
    sent = []
    while data:
        size = chance.choice((1, 10, 100, 1_000, 100_000))
        sent.append(data[:size])
        data = data[size:]

    short, long = both(tmp_path, sent, is_in_turn=cases is not GOING_ON)

    assert short == long
