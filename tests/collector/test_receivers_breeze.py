from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from stepsight_collector.access import Access
from stepsight_collector.breeze import LiveMetrics
from stepsight_collector.errors import AccessError, StorageError, WalFullError
from stepsight_collector.exposition import render_prometheus
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers.breeze import BreezeRoutes
from stepsight_collector.receivers.door import Door
from stepsight_collector.receivers.http import HealthPages, build_otlp_app
from stepsight_collector.receivers.ingest import Ingest
from stepsight_collector.receivers.serving import HttpServer, bind
from stepsight_collector.wal import SIGNALS, Wal, read_entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pytest

    from stepsight_collector.receivers.asgi import Answer
    from stepsight_collector.wal import Durable, Entry, Signal

MAX_BODY = 400_000
JSON = {"Content-Type": "application/json", "User-Agent": "client/1"}
PING, POST = "/QuickPulseService.svc/ping?ikey=k", "/QuickPulseService.svc/post?ikey=k"
BAD = {"name": "x", "data": {}}

Call = tuple[Any, ...]
Reply = tuple[int, dict[str, str], bytes]


def item(base_type: str, ikey: str = "k", **base: Any) -> dict[str, Any]:
    return {"iKey": ikey, "time": "2026-11-24T03:31:34Z",
            "data": {"baseType": base_type, "baseData": base}}  # fmt: skip


MESSAGE = item("MessageData", message="hello")
REQUEST = item("RequestData", id="62a8f7192ec014f2", name="n", duration="00:00:01")
METRIC = item("MetricData", metrics=[{"name": "loss", "value": 0.5}])


class Known(Access):
    """Projects by instrumentation key, as a test says."""

    def __init__(self, project_of: Callable[[str], str | None]) -> None:
        super().__init__()
        self._project_of = project_of

    def project_for_write(
        self, authorization: str | None = None, instrumentation_key: str | None = None
    ) -> str:
        project = self._project_of(instrumentation_key or "")
        if project is None:
            raise AccessError("unknown")
        return project


class Served:
    """The OTLP/HTTP port over a real log in a temporary directory."""

    def __init__(self, directory: Path, project_of: Callable[[str], str | None]) -> None:
        self.directory = directory
        self.wal = Wal(directory)
        self.metrics = Metrics()
        self.now = 0.0
        self.live = LiveMetrics(clock=lambda: self.now)
        self.ingest = Ingest(self.wal, self.metrics, MAX_BODY, clock=lambda: 7)
        self.door = Door(Known(project_of))
        self.routes = BreezeRoutes(self.ingest, self.door, self.live, self.metrics.breeze)
        self.port = 0

    async def send(self, *call: Any) -> Reply:
        return await asyncio.to_thread(self._send, *call)

    def _send(
        self, path: str, body: Any = b"", headers: dict[str, str] | None = None, how: str = "POST"
    ) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(how, path, data, headers or JSON)
        answer = connection.getresponse()
        result = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return result

    def stored(self, signal: Signal) -> list[Entry]:
        files = sorted((self.directory / signal).glob("*.wal"))
        return [entry for file in files for entry in read_entries(file)]


@asynccontextmanager
async def serving(
    directory: Path, project_of: Callable[[str], str | None] = lambda _: "default"
) -> AsyncIterator[Served]:
    served = Served(directory, project_of)
    await served.wal.start(lambda _: None)
    pages = HealthPages(
        served.wal.why_not_ready, lambda: render_prometheus(served.metrics, served.wal.usage())
    )
    app = build_otlp_app(served.ingest, served.door, pages, breeze=served.routes)
    server = HttpServer(app, bind("127.0.0.1", 0, "test", "--port"))
    await server.start()
    served.port = server.port
    try:
        yield served
    finally:
        await server.stop()
        await served.wal.close()
        served.ingest.close()


def run(directory: Path, *calls: Call, **options: Any) -> tuple[list[Reply], Served]:
    async def scenario() -> tuple[list[Reply], Served]:
        async with serving(directory, **options) as served:
            return [await served.send(*call) for call in calls], served

    return asyncio.run(scenario())


def counts(served: Served) -> dict[Signal, int]:
    return {signal: sum(e.records for e in served.stored(signal)) for signal in SIGNALS}


def document(reply: Reply) -> Any:
    return json.loads(reply[2])


def test_an_array_is_kept_and_the_reply_is_what_clients_insist_on(tmp_path: Path) -> None:
    [reply], served = run(tmp_path, ("/v2.1/track", [MESSAGE, REQUEST, METRIC]))

    assert (reply[0], reply[1]["content-type"]) == (200, "application/json")
    assert document(reply) == {"itemsReceived": 3, "itemsAccepted": 3, "errors": []}
    assert counts(served) == {"logs": 1, "traces": 1, "metrics": 1}
    [entry] = served.stored("logs")
    assert (entry.client, entry.project, entry.nested) == ("client/1", "default", False)


def test_every_framing_and_path_is_taken(tmp_path: Path) -> None:
    line = json.dumps(MESSAGE).encode()
    stream = {"Content-Type": "application/x-json-stream"}

    replies, served = run(
        tmp_path,
        ("/v2/track", [MESSAGE]),
        ("//v2.1/track", MESSAGE),
        ("/v2.1//track", b"\xef\xbb\xbf \n" + line),
        ("/v2.1/track", line + b"\n" + line + b"\r\n\n", stream),
        ("/v2.1/track", gzip.compress(line), {**stream, "Content-Encoding": "gzip"}),
        ("/v2.1/track", json.dumps(MESSAGE, indent=1).encode()),
        ("/v2.1/track", b""),
        ("/v2.1/track", b"[]"),
    )

    assert [(reply[0], document(reply)["itemsAccepted"]) for reply in replies] == [
        (200, count) for count in (1, 1, 1, 2, 1, 1, 0, 0)
    ]
    assert counts(served)["logs"] == 7


def test_bad_items_are_reported_by_index_and_the_others_are_kept(tmp_path: Path) -> None:
    lines = b"\n".join((json.dumps(MESSAGE).encode(), b'{"broken', json.dumps(BAD).encode()))

    replies, served = run(
        tmp_path,
        ("/v2.1/track", [BAD, MESSAGE, 7, MESSAGE]),
        ("/v2.1/track", lines),
        ("/v2.1/track", [BAD]),
    )

    assert [reply[0] for reply in replies] == [206, 206, 400]
    assert [
        [(error["index"], error["statusCode"]) for error in document(reply)["errors"]]
        for reply in replies
    ] == [[(0, 400), (2, 400)], [(1, 400), (2, 400)], [(0, 400)]]
    assert document(replies[0])["errors"][1]["message"] == (
        "An item must be an envelope, a JSON object; this one is 7."
    )
    assert counts(served)["logs"] == 3


def test_a_body_that_can_never_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    replies, served = run(
        tmp_path,
        ("/v2.1/track", b"[{"),
        ("/v2.1/track", b"hello"),
        ("/v2.1/track", b"[" * 5000),
        ("/v2.1/track", b"x", {**JSON, "Content-Encoding": "gzip"}),
        ("/v2.1/track", b"x", {**JSON, "Content-Encoding": "br"}),
        ("/v2.1/track", b"[" + b" " * MAX_BODY + b"]"),
        ("/v2.1/track", gzip.compress(b" " * MAX_BODY), {**JSON, "Content-Encoding": "gzip"}),
        ("/v2.1/track", b"", JSON, "GET"),
    )

    assert [reply[0] for reply in replies] == [400, 400, 400, 400, 415, 413, 413, 405]
    assert document(replies[0])["errors"][0]["message"].startswith("The body is not JSON")
    assert served.metrics.breeze.rejected_requests == 7


def test_keys_go_to_their_projects_and_an_unknown_one_is_refused_by_index(tmp_path: Path) -> None:
    known = {"a": "project-a", "b": "project-b"}
    items = [item("MessageData", ikey) for ikey in ("a", "b", "c", "a")]

    [reply], served = run(tmp_path, ("/v2.1/track", items), project_of=known.get)

    assert (reply[0], [e["index"] for e in document(reply)["errors"]]) == (206, [2])
    stored = sorted((entry.project, entry.records) for entry in served.stored("logs"))
    assert stored == [("project-a", 2), ("project-b", 1)]


def test_statsbeat_is_taken_counted_and_not_kept(tmp_path: Path) -> None:
    beat = {**METRIC, "name": "Statsbeat", "iKey": "another"}

    [reply, page], served = run(
        tmp_path,
        ("/v2.1/track", [beat, MESSAGE]),
        ("/metrics", b"", JSON, "GET"),
        project_of={"k": "default"}.get,
    )

    assert document(reply) == {"itemsReceived": 2, "itemsAccepted": 2, "errors": []}
    assert counts(served) == {"logs": 1, "traces": 0, "metrics": 0}
    assert b"stepsight_breeze_discarded_items_total 1\n" in page[2]
    assert b"stepsight_breeze_accepted_items_total 1\n" in page[2]


def failing(served: Served, *signals: Signal, error: StorageError) -> None:
    """Let the log refuse some signals."""
    append = served.wal.append

    def refuse(signal: Signal, entry: Entry) -> Durable:
        if signal in signals:
            raise error
        return append(signal, entry)

    served.wal.append = refuse  # type: ignore[method-assign]


def test_a_full_log_is_503_with_retry_after_and_nothing_is_kept(tmp_path: Path) -> None:
    async def scenario() -> tuple[Reply, Served]:
        async with serving(tmp_path) as served:
            failing(served, "logs", error=WalFullError("full"))
            return await served.send("/v2.1/track", [MESSAGE, METRIC, *[MESSAGE] * 9]), served

    reply, served = asyncio.run(scenario())

    assert (reply[0], reply[1]["retry-after"]) == (503, "10")
    assert document(reply)["itemsAccepted"] == 0
    assert counts(served) == {"logs": 0, "traces": 0, "metrics": 0}


def test_when_a_later_signal_fails_the_whole_is_to_be_sent_again(tmp_path: Path) -> None:
    items = [*[MESSAGE] * 9, METRIC, BAD]

    async def scenario() -> tuple[list[Reply], Served]:
        async with serving(tmp_path) as served:
            append = served.wal.append
            failing(served, "metrics", error=StorageError("disk"))
            replies = [await served.send("/v2.1/track", items)]
            served.wal.append = append  # type: ignore[method-assign]
            return [*replies, await served.send("/v2.1/track", items)], served

    [first, second], served = asyncio.run(scenario())

    assert (first[0], first[1]["retry-after"], second[0]) == (503, "5", 206)
    logs = served.stored("logs")
    # The same bytes, so that a repeated request can be told from a new one.
    assert (counts(served)["metrics"], len(logs), logs[0].request) == (1, 2, logs[1].request)


def test_a_real_client_comes_again_after_503_and_nothing_is_lost_or_stored_twice(
    tmp_path: Path,
) -> None:
    script = Path(__file__).parents[1] / "clients" / "scripts" / "azure_otel.py"
    environment = {**os.environ, "TMPDIR": str(tmp_path),
                   "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
                   "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true"}  # fmt: skip
    full = WalFullError("full")
    full.retry_after_s = 1

    async def scenario(name: str, refusals: int) -> dict[Signal, int]:
        async with serving(tmp_path / name) as served:
            left, is_first = refusals, False
            append, answer = served.wal.append, served.routes.answer

            async def note_first(path: str, scope: Any, receive: Any) -> Answer:
                nonlocal is_first
                is_first = True
                return await answer(path, scope, receive)

            def refuse_first(signal: Signal, entry: Entry) -> Durable:
                nonlocal left, is_first
                is_refused, is_first = is_first and left > 0, False
                if is_refused:
                    left -= 1
                    raise full
                return append(signal, entry)

            served.wal.append = refuse_first  # type: ignore[method-assign]
            served.routes.answer = note_first  # type: ignore[method-assign]
            connection = (
                "InstrumentationKey=11111111-2222-4333-8444-555555555555;"
                f"IngestionEndpoint=http://127.0.0.1:{served.port}/"
            )
            command = [sys.executable, str(script), connection]
            await asyncio.to_thread(subprocess.run, command, env=environment, check=True,
                                    capture_output=True)  # fmt: skip
        return counts(served)

    undisturbed = asyncio.run(scenario("undisturbed", 0))
    disturbed = asyncio.run(scenario("disturbed", 3))

    assert disturbed == undisturbed
    assert min(disturbed.values()) > 1


def test_a_ping_is_answered_true_while_somebody_watches(tmp_path: Path) -> None:
    point = {"StreamId": "s", "RoleName": "trainer", "Instance": "i", "MachineName": "m",
             "Version": "v"}  # fmt: skip
    sample = {**point, "Timestamp": "2026-11-24T03:34:41.67Z", "Documents": [{"Text": "x"}],
              "Metrics": [{"Name": "\\Memory", "Weight": 1, "Value": 5}]}  # fmt: skip

    async def scenario() -> tuple[list[Reply], Any]:
        async with serving(tmp_path) as served:
            replies = [await served.send(PING, point)]
            served.live.read("default")
            served.now = 15.0
            replies += [await served.send(PING, point), await served.send(POST, [sample])]
            found = served.live.read("default")
            served.now = 31.0
            replies += [await served.send(POST, [sample]), await served.send(POST, b"{")]
            return replies, found

    replies, found = asyncio.run(scenario())

    subscribed = [reply[1].get("x-ms-qps-subscribed") for reply in replies]
    assert [reply[0] for reply in replies] == [200, 200, 200, 200, 400]
    assert subscribed == ["false", "true", "true", "false", None]
    assert ([reply[2] for reply in replies[:4]], "content-type" in replies[0][1]) == (
        [b""] * 4,
        False,
    )
    assert found == {
        "streams": [
            {
                "stream_id": "s",
                "role": "trainer",
                "instance": "i",
                "machine": "m",
                "sdk": "v",
                "last_heard_s": 0.0,
                "last_sample_at": "2026-11-24T03:34:41.67Z",
                "samples": [
                    {
                        "timestamp": "2026-11-24T03:34:41.67Z",
                        "metrics": {"\\Memory": 5},
                        "documents": [{"Text": "x"}],
                    }
                ],
            }
        ]
    }


def test_live_samples_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepsight_collector.breeze.live.MAX_BYTES", 5_000)
    live = LiveMetrics(clock=lambda: 0.0)

    for stream in range(300):
        for _ in range(3):
            live.post(
                "p", json.dumps([{"StreamId": str(stream), "Documents": ["x" * 99]}]).encode()
            )
    many = live.read("p")["streams"]
    for _ in range(500):
        live.post("q", json.dumps([{"StreamId": "one", "Documents": ["x" * 999]}]).encode())
    [one] = live.read("q")["streams"]

    assert sum(len(json.dumps(s)) for stream in many for s in stream["samples"]) < 7_000
    assert many[-1]["stream_id"] == "299"
    assert 1 <= len(one["samples"]) <= 5


def test_a_large_body_is_translated_beside_the_loop(tmp_path: Path) -> None:
    items = [item("MessageData", message=f"m{n}") for n in range(800)]

    [reply], served = run(tmp_path, ("/v2.1/track", items))

    [entry] = served.stored("logs")
    request = ExportLogsServiceRequest.FromString(entry.request)
    records = request.resource_logs[0].scope_logs[0].log_records
    assert reply[0] == 200
    assert [record.body.string_value for record in records] == [f"m{n}" for n in range(800)]
