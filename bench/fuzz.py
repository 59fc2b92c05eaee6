"""Mutated requests against the OTLP/HTTP port's application: no crash, no hang, memory bounded.

Usage: python bench/fuzz.py [--requests 20000] [--seed 1]

Seeds are the captured payloads of real clients and the OTLP requests that they become. Each round
mutates one (bytes, JSON structure, compression, headers, path), sends it to the ASGI application in
this process, and checks the answer: a documented status, a body of the documented form, every
item of `/v2/track` accepted or reported. What was accepted must be a valid request, also after
the loader's rewriting of nested values. The write-ahead log is one in memory: the disk has tests
of its own. A failure ends the run with exit code 1 and the request that caused it.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import faulthandler
import gzip
import json
import random
import resource
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from stepsight_collector.breeze import LiveMetrics, translate
from stepsight_collector.metrics import Metrics
from stepsight_collector.nested import flatten_nested
from stepsight_collector.receivers.breeze import BreezeRoutes
from stepsight_collector.receivers.check import REQUEST_TYPES, check
from stepsight_collector.receivers.http import HealthPages, build_otlp_app
from stepsight_collector.receivers.ingest import Ingest

if TYPE_CHECKING:
    from stepsight_collector.receivers.asgi import AsgiApp
    from stepsight_collector.wal import Entry, Signal

PAYLOADS = Path(__file__).parents[1] / "tests" / "golden" / "breeze"
STATUSES = {200, 206, 400, 404, 405, 413, 415, 503}
TRACKS = ("/v2.1/track", "/v2/track", "//v2.1/track", "/v2.1//track")
LIVE = ("/QuickPulseService.svc/ping", "/QuickPulseService.svc/post")
MAX_BODY_BYTES = 1 << 20
HANG_S = 20
MAX_GROWTH_MB = 300
TEXTS = (b"", b"0", b"-1", b"1e999", b"NaN", b"null", b"true", b"[]", b"{}", b'""', b'"\\ud800"',
         b"9" * 400, b"[" * 300, b"{" * 300, b'{"a":' * 100, b"\xff\xfe", b"\x00", b"\n", b'"' * 5,
         b"\x0a\xff\xff\xff\xff\x7f", b"\x80" * 12, b"\xf0\x9f\x98\x80")  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 2**70, 1e308, float("nan"), float("inf"), "", "x" * 3000, [], {},
    [[]], {"": None}, "{'a': 1}", "0001-01-01T00:00Z", "9.99:99:99", "\ud800",
    "00000000-0000-0000-0000-000000000000",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One request to send: what a scope and its body hold."""

    path: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    method: str = "POST"


class MemoryLog:
    """A write-ahead log that checks what it gets and keeps nothing."""

    def __init__(self, fail_one_in: int, dice: random.Random) -> None:
        self.accepted = 0
        self._fail_one_in = fail_one_in
        self._dice = dice

    def append(self, signal: Signal, entry: Entry) -> asyncio.Future[None]:
        """Check that the request can be stored; now and then refuse it as a full disk would."""
        from stepsight_collector.errors import WalFullError

        if self._dice.randrange(self._fail_one_in) == 0:
            raise WalFullError("The write-ahead log is full: this is a test.")
        body = flatten_nested(signal, entry.request) if entry.nested else entry.request
        assert not check(signal, body).nested
        self.accepted += entry.records
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


def seeds() -> list[Request]:
    """Captured bodies of every client, and the OTLP that they become."""
    found = []
    json_type = ((b"content-type", b"application/json"),)
    proto_type = ((b"content-type", b"application/x-protobuf"),)
    for file in sorted(PAYLOADS.glob("o*.json")):
        items = json.loads(file.read_text())["request"]["body"]
        body = json.dumps(items).encode()
        if "quickpulse" in file.stem:
            found += [Request(path, body, json_type) for path in LIVE]
            continue
        lines = b"\n".join(json.dumps(item).encode() for item in items)
        found += [Request("/v2.1/track", body, json_type), Request("/v2/track", lines, json_type)]
        for request in translate(body, lambda _: "default").requests:
            path = f"/v1/{request.signal}"
            message = REQUEST_TYPES[request.signal].FromString(request.body)
            found += [
                Request(path, request.body, proto_type),
                Request(path, json_format.MessageToJson(message).encode(), json_type),
            ]
    return found


def mutate(request: Request, others: list[Request], dice: random.Random) -> Request:
    """Change a request in one to four ways."""
    body, headers, path, method = request.body, request.headers, request.path, request.method
    if body[:1] in b"[{" and dice.random() < 0.5:
        body = _mutate_json(body, dice)
    for _ in range(dice.randrange(4)):
        body = _mutate_bytes(body, dice.choice(others).body, dice)
    chance = dice.random()
    if chance < 0.1:
        encoding, compress = dice.choice(((b"gzip", gzip.compress), (b"deflate", zlib.compress),
                                          (b"gzip", bytes), (b"br", bytes)))  # fmt: skip
        body = compress(body)
        headers = (*headers, (b"content-encoding", encoding))
        if dice.randrange(3) == 0:
            body = _mutate_bytes(body, b"", dice)
    elif chance < 0.15:
        path = dice.choice((*TRACKS, *LIVE, "/v1/logs", "/v1/traces", "/v1/metrics", "/x", "//"))
    elif chance < 0.17:
        headers = ((b"content-type", dice.choice(TEXTS)), (b"content-length", dice.choice(TEXTS)))
    elif chance < 0.18:
        method = dice.choice(("GET", "PUT", "OPTIONS"))
    return Request(path, body, headers, method)


def _mutate_json(body: bytes, dice: random.Random) -> bytes:
    """Put odd values, names and copies anywhere into a JSON document."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    for _ in range(dice.randrange(1, 4)):
        holder: Any = document
        while isinstance(holder, dict | list) and holder:
            key = dice.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
            if not isinstance(holder[key], dict | list) or dice.randrange(5) == 0:
                _put(holder, key, dice)
                break
            holder = holder[key]
    return json.dumps(document).encode()


def _put(holder: Any, key: Any, dice: random.Random) -> None:
    action = dice.randrange(4)
    if action == 0 and isinstance(holder, dict):
        holder[dice.choice(("", "x" * 300, "stepsight.x", "\ud800", "count"))] = holder.pop(key)
    elif action == 1:
        del holder[key]
    elif action == 2 and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(20))
    else:
        holder[key] = copy.deepcopy(dice.choice(VALUES))


def _mutate_bytes(body: bytes, other: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(body) + 1)
    end = min(len(body), start + dice.randrange(1, 40))
    action = dice.randrange(6)
    if action == 0 and body:
        flipped = bytearray(body)
        at = dice.randrange(len(flipped))
        flipped[at] ^= 1 << dice.randrange(8)
        return bytes(flipped)
    if action == 1:
        return body[:start] + dice.choice(TEXTS) + body[end:]
    if action == 2:
        return body[:start] + dice.choice(TEXTS) + body[start:]
    if action == 3:
        return body[:start]
    if action == 4:
        return body[:end] + body[start:end] * dice.randrange(1, 50) + body[end:]
    return body[:start] + other[dice.randrange(len(other) + 1) :]


async def send(app: AsgiApp, request: Request, dice: random.Random) -> tuple[int, bytes] | None:
    """Send one request, its body in parts; None if the client left before its end."""
    cut = dice.randrange(len(request.body) + 1)
    parts = [(request.body[:cut], True), (request.body[cut:], False)]
    leaves = dice.randrange(200) == 0
    answer: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        if leaves and len(parts) == 1:
            return {"type": "http.disconnect"}
        body, more = parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    async def take(message: Any) -> None:
        answer["status"] = message.get("status", answer.get("status"))
        answer["body"] += message.get("body", b"")

    scope = {"type": "http", "method": request.method, "path": request.path,
             "headers": list(request.headers), "query_string": b"ikey=k"}  # fmt: skip
    await app(scope, receive, take)
    return None if "status" not in answer else (answer["status"], answer["body"])


def judge(request: Request, status: int, body: bytes) -> str | None:
    """Return what is wrong with an answer."""
    if status not in STATUSES:
        return f"status {status}"
    if request.path not in TRACKS or request.method != "POST":
        return None
    reply = json.loads(body)
    errors, received = reply["errors"], reply["itemsReceived"]
    if status in {200, 206} and reply["itemsAccepted"] + len(errors) != received:
        return f"{received} items, {reply['itemsAccepted']} accepted, {len(errors)} errors"
    indexes = [error["index"] for error in errors]
    if len(set(indexes)) < len(indexes) or (status == 200) != (not errors):
        return f"errors {indexes[:20]} with status {status}"
    return None


async def run(count: int, seed: int) -> int:
    """Send `count` mutated requests; returns the exit code."""
    dice = random.Random(seed)
    metrics, log = Metrics(), MemoryLog(50, dice)
    ingest = Ingest(log, metrics, MAX_BODY_BYTES)  # type: ignore[arg-type]
    routes = BreezeRoutes(ingest, LiveMetrics(), metrics.breeze)
    app = build_otlp_app(ingest, HealthPages(lambda: None, lambda: b""), routes)
    corpus, statuses = seeds(), Counter[int | None]()
    started, slowest, first_mb = time.monotonic(), 0.0, 0.0
    for number in range(count):
        request = mutate(dice.choice(corpus), corpus, dice)
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        before = time.thread_time()
        answer = await send(app, request, dice)
        slowest = max(slowest, time.thread_time() - before)
        problem = judge(request, *answer) if answer else None
        if problem:
            print(f"request {number} of seed {seed}: {problem}\n{request!r:.4000}")
            return 1
        statuses[answer[0] if answer else None] += 1
        if number == count // 10:
            first_mb = _peak_mb()
    faulthandler.cancel_dump_traceback_later()
    ingest.close()
    grown_mb = _peak_mb() - first_mb
    named = ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items(), key=str))
    print(f"{count} requests in {time.monotonic() - started:.0f} s, {log.accepted} records kept")
    print(f"answers {named} (None: the client had left)")
    print(f"slowest {slowest * 1000:.0f} ms of CPU; peak memory {_peak_mb():.0f} MB, "
          f"{grown_mb:.0f} MB of it after the first tenth")  # fmt: skip
    return int(grown_mb > MAX_GROWTH_MB)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return asyncio.run(run(arguments.requests, arguments.seed))


if __name__ == "__main__":
    sys.exit(main())
