"""The query API on a free port of this process, over a store that a test filled."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from stepsight_collector.access import Credentials, Token, digest
from stepsight_collector.api import build_api
from stepsight_collector.query.run import Queries
from stepsight_collector.receivers.serving import HttpServer, bind
from stepsight_collector.wal import Entry, encode_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight_collector.access import Access
    from stepsight_collector.query.lanes import LaneLimits
    from stepsight_collector.query.limits import Policy
    from stepsight_collector.store import Store

__all__ = ["ALL", "CREDENTIALS", "WRITER", "A", "Answer", "B", "ServedApi", "fill", "served_api"]

A, B, ALL, WRITER = "reads-a", "reads-b", "reads-all", "writes-a"
KEY = "11111111-2222-4333-8444-555555555555"
CREDENTIALS = Credentials(
    tokens=(
        Token("reader of a", "kql-a", "read", digest(A)),
        Token("reader of b", "kql-b", "read", digest(B)),
        Token("reader of all", "*", "read", digest(ALL)),
        Token("writer", "kql-a", "write", digest(WRITER)),
    ),
    keys=(Token("insights", "kql-b", "write", digest(KEY)),),
    ids={"workspace-a": "kql-a"},
)
SECOND = 1_000_000_000
START = 1_767_600_000 * SECOND  # 2026-01-05T08:00:00Z


def fill(store: Store, project: str, *lines: str) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number, line in enumerate(lines):
        record = records.add(time_unix_nano=START + number * SECOND, severity_number=9)
        record.body.string_value = line
    entry = Entry(
        request=request.SerializeToString(),
        received_time_unix_nano=START,
        project=project,
        client="test/1",
        records=len(lines),
    )
    store.insert("logs", b"".join(encode_entry(entry)), f"{project}-filled")


class Answer:
    """Status, headers and JSON of an answer."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        text = answer.read()
        self.json: Any = json.loads(text) if text else None


class ServedApi:
    """A port, and how to ask it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, body: Any = None, *, token: str = "", **headers: str) -> Answer:
        """GET without a body, POST with one; a header's `_` is a dash."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, content, sent)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer


@contextmanager
def served_api(
    store: Store, access: Access, policy: Policy, lanes: LaneLimits
) -> Iterator[ServedApi]:
    """Serve on a thread of its own until the block ends."""
    started, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    ports: list[int] = []

    async def serve() -> None:
        queries = Queries(store, lanes)
        api = build_api(store, queries, policy, status=dict, live=lambda _: {}, access=access)
        server = HttpServer(api, bind("127.0.0.1", 0, "test", "--port"))
        await server.start()
        loops.append(asyncio.get_running_loop())
        ports.append(server.port)
        started.set()
        await stop.wait()
        await queries.stop()
        await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(30)
        yield ServedApi(ports[0])
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()
