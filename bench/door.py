"""What access, quotas, memory budget, turns and connection limits add to receiving a request.

Usage: python bench/door.py [--records 1000,100] [--rounds 200]

In one process and without sockets: bytes go into the HTTP connection as the loop would hand them
over, through parser and check, to a log that takes everything at once.

uvicorn     uvicorn's connection, our application, a door that lets everyone in.
connection  the collector's connection, the rest the same: its limits are the difference.
short       the same on the short way (receivers/short_way.py), beside the application.
with        the same with a token, a quota of bytes and records, the log's shares, the memory
            budget and turns.
log         "short" and a log that writes and syncs, as every receiver has one.
added       (with - short), and (connection - uvicorn) if that is more than 0: what limits cost,
            and nothing of what the short way or the connection save.

Small batches take turns, so that whatever else the machine does hits all alike, and of the CPU
times of a batch the lowest tenth counts: what disturbs only adds. Exit code 1 if what is added is
over 3 % of "log".
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from _load import another, logs_request
from stepsight_collector.access import Access, Credentials, Token, digest
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers.connection import LimitedConnection
from stepsight_collector.receivers.door import Door
from stepsight_collector.receivers.http import HealthPages, build_otlp_app
from stepsight_collector.receivers.ingest import Ingest
from stepsight_collector.receivers.quota import Quota, Quotas
from stepsight_collector.receivers.resend import Resends
from stepsight_collector.receivers.shares import Shares
from stepsight_collector.receivers.short_way import ShortWay
from stepsight_collector.wal import Durable, Wal

if TYPE_CHECKING:
    from types import TracebackType

    from stepsight_collector.wal import Entry, Signal

TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - opens nothing but this process
LIMIT = 0.03
BATCH = 20
PIECE_BYTES = 256 << 10  # what the loop reads at once
MUCH = 1 << 50


class Log:
    """A write-ahead log that has everything on the disk already."""

    fill = 0.0

    def append(self, _signal: Signal, _entry: Entry) -> Durable:
        future = Durable(loop=asyncio.get_running_loop())
        future.settle(None)
        return future


class NoHold:
    """Memory that nobody counts."""

    size_bytes = 0

    def release(self) -> None:
        """Nothing was taken."""

    def grow(self, _size_bytes: int) -> None:
        """Take it."""

    def shrink(self, _size_bytes: int) -> None:
        """Give it back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Nothing was taken."""


class NoTurns:
    """Nobody is before us."""

    def takes_one(self) -> bool:
        return True

    def end(self) -> None:
        """Nobody waits."""


class NoBudget:
    """Memory without end."""

    def reserve_now(self, _project: str, _size_bytes: int) -> NoHold:
        return NO_HOLD


class OpenDoor:
    """Lets everyone in and counts nothing."""

    budget = NoBudget()
    access = Access()

    def check(self, _project: str) -> None:
        """Send as much as you like."""

    def admit(self, _authorization: str | None = None) -> str:
        return "bench"

    turns = NoTurns()

    def charge(self, _project: str, _size_bytes: int, _records: int) -> None:
        """Send as much as you like."""


NO_HOLD = NoHold()


def guarded_door() -> Door:
    token = Token("bench", "bench", "write", digest(TOKEN))
    door = Door(Access(Credentials((token,))), Quotas(Quota(MUCH, MUCH)))
    door.shares = Shares(lambda: Log.fill)
    return door


class Transport(asyncio.Transport):
    """Takes the answers; `answered` is set when the last one of a batch is there."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0
        self.wanted = 0
        self.answered = asyncio.Event()

    def write(self, data: Any) -> None:
        if data.startswith(b"HTTP/1.1 "):
            if not data.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"a request was refused: {data!r}")
            self.answers += 1
        if self.answers == self.wanted:
            self.answered.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else default

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """There is nobody at the other end."""

    def pause_reading(self) -> None:
        """All is there already."""

    def resume_reading(self) -> None:
        """All is there already."""


class Path:
    """One way from bytes to the log."""

    def __init__(
        self, door: Any, protocol: type[HttpToolsProtocol], log: Any, *, is_short: bool = False
    ) -> None:
        ingest = Ingest(log, Metrics(), 64 << 20, resends=Resends(600, 200_000))
        if is_short:
            protocol = type("_Short", (protocol,), {"short": ShortWay(ingest, door)})
        app = build_otlp_app(ingest, door, HealthPages(lambda: None, lambda: b""))
        config = uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, proxy_headers=False,
        )  # fmt: skip
        config.load()
        self.transport = Transport()
        self._connection = protocol(config=config, server_state=ServerState(), app_state={})
        self._connection.connection_made(self.transport)

    async def receive(self, requests: list[bytes]) -> float:
        """Receive requests one after the other; returns CPU seconds."""
        transport = self.transport
        before = time.process_time()
        for request in requests:
            transport.wanted = transport.answers + 1
            transport.answered.clear()
            for start in range(0, len(request), PIECE_BYTES):
                self._connection.data_received(request[start : start + PIECE_BYTES])
            await transport.answered.wait()
        return time.process_time() - before


def http_request(body: bytes) -> bytes:
    head = (
        f"POST /v1/logs HTTP/1.1\r\nHost: 127.0.0.1:4318\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/x-protobuf\r\nUser-Agent: bench/1.0\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    )
    return head.encode() + body


async def compare(records: int, rounds: int, directory: str) -> list[float]:
    """CPU seconds a request of each way; batches in turn."""
    log = Wal(FilePath(directory))
    await log.start(log.confirm)
    paths = (
        Path(OpenDoor(), HttpToolsProtocol, Log()),
        Path(OpenDoor(), LimitedConnection, Log()),
        Path(OpenDoor(), LimitedConnection, Log(), is_short=True),
        Path(guarded_door(), LimitedConnection, Log(), is_short=True),
        Path(OpenDoor(), LimitedConnection, log, is_short=True),
    )
    body = logs_request(records, time.time_ns())
    spent: list[list[float]] = [[] for _ in paths]
    for number in range(rounds):
        requests = [http_request(another(body, number * BATCH + one)) for one in range(BATCH)]
        for step in range(len(paths)):
            which = (number + step) % len(paths)
            spent[which].append(await paths[which].receive(requests))
    await log.close()
    return [statistics.quantiles(one, n=10)[0] / BATCH for one in spent]


def main() -> int:
    """Measure, print, and tell whether it is little."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", default="1000,100", help="in a request")
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    columns = ("uvicorn", "connection", "short", "with", "log")
    print(f"CPU us a request\nrecords  {'  '.join(columns)}  added  of log")
    holds = True
    for records in map(int, arguments.records.split(",")):
        with tempfile.TemporaryDirectory() as directory:
            spent = asyncio.run(compare(records, arguments.rounds, directory))
        uvicorns, connection, short, guarded, logged = (1e6 * one for one in spent)
        added = max(0.0, connection - uvicorns) + (guarded - short)
        holds = holds and added <= LIMIT * logged
        print(
            f"{records:7} {uvicorns:8.1f} {connection:11.1f} {short:6.1f} {guarded:5.1f} "
            f"{logged:4.1f} {added:6.1f} {added / logged:7.1%}"
        )
    print("holds" if holds else f"DOES NOT HOLD: over {LIMIT:.0%}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
