"""Receivers on free ports over a real log, with whatever door and limits a test wants."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from stepsight_collector.exposition import render_prometheus
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers.connection import ConnectionLimits
from stepsight_collector.receivers.door import Door
from stepsight_collector.receivers.front import with_cors, with_prefix
from stepsight_collector.receivers.grpc import GrpcReceiver
from stepsight_collector.receivers.http import HealthPages, build_otlp_app
from stepsight_collector.receivers.ingest import Ingest
from stepsight_collector.receivers.serving import HttpServer, bind
from stepsight_collector.receivers.shares import Shares
from stepsight_collector.receivers.short_way import ShortWay
from stepsight_collector.wal import Wal, WalLimits, read_entries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from stepsight_collector.wal import Entry

MIB = 1 << 20


class Receivers:
    """What is served: ports, counters, and what the log holds."""

    def __init__(self, directory: Path, wal_quota_bytes: int) -> None:
        self.directory = directory
        self.wal = Wal(directory, WalLimits(quota_bytes=wal_quota_bytes))
        self.metrics = Metrics()
        self.server: Any = None
        self.port = self.grpc_port = 0

    def entries(self) -> list[Entry]:
        files = sorted((self.directory / "logs").glob("*.wal"))
        return [entry for file in files for entry in read_entries(file)]


@pytest.fixture
def receivers(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Receivers]]:
    @asynccontextmanager
    async def serve(
        door: Door | None = None,
        limits: ConnectionLimits | None = None,
        *,
        max_body_bytes: int = 64 * MIB,
        max_grpc_bytes: int = 16 * MIB,
        wal_quota_bytes: int = 1 << 30,
        is_guarded: bool = False,
        prefix: str = "",
        origins: str = "",
    ) -> AsyncIterator[Receivers]:
        served = Receivers(tmp_path / "wal", wal_quota_bytes)
        door, limits = door or Door(), limits or ConnectionLimits()
        door.shares = Shares(lambda: served.wal.fill)
        await served.wal.start(lambda _: None)
        ingest = Ingest(served.wal, served.metrics, max_body_bytes)
        pages = HealthPages(
            served.wal.why_not_ready,
            lambda: render_prometheus(served.metrics, served.wal.usage()),
            is_guarded,
        )
        app = with_cors(with_prefix(build_otlp_app(ingest, door, pages), prefix), origins)
        bound = bind("127.0.0.1", 0, "test", "--port")
        cut = served.metrics.cut_connections
        short = ShortWay(ingest, door, prefix)
        served.server = HttpServer(app, bound, limits, cut=cut, short=short)
        grpc = GrpcReceiver(
            ingest, door, "127.0.0.1", 0, max_message_bytes=max_grpc_bytes, limits=limits
        )
        await served.server.start()
        await grpc.start()
        served.port, served.grpc_port = served.server.port, grpc.port
        try:
            yield served
        finally:
            await grpc.stop()
            await served.server.stop()
            await served.wal.close()
            ingest.close()

    return serve
