"""The collector's process: starts the parts in order, stops them in the opposite one.

`run_collector` runs one until a signal; `main` is its command line. How data goes:
receivers → WAL → loader → store, and store → query API.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import TYPE_CHECKING

from stepsight_collector import native
from stepsight_collector.api import build_api
from stepsight_collector.breeze import LiveMetrics
from stepsight_collector.disk import DiskWatch, store_directory
from stepsight_collector.errors import CollectorError, ConfigError
from stepsight_collector.gate import Gate, open_gate, record_limits
from stepsight_collector.heap import keep_heap
from stepsight_collector.loader import Loader
from stepsight_collector.lock import data_dir_lock
from stepsight_collector.log_limit import LimitedHandler
from stepsight_collector.metrics import Metrics
from stepsight_collector.observer import Observer
from stepsight_collector.query.limits import answer_policy, lane_limits, stream_limits
from stepsight_collector.query.run import Queries
from stepsight_collector.receivers.breeze import BreezeRoutes
from stepsight_collector.receivers.front import with_cors, with_prefix
from stepsight_collector.receivers.grpc import GrpcReceiver
from stepsight_collector.receivers.http import HealthPages, build_otlp_app
from stepsight_collector.receivers.ingest import Ingest
from stepsight_collector.receivers.resend import Resends
from stepsight_collector.receivers.serving import HttpServer, bind
from stepsight_collector.receivers.shares import Shares
from stepsight_collector.receivers.short_way import ShortWay
from stepsight_collector.rows import RowMaker
from stepsight_collector.settings import ROWS, Settings, is_loopback, load_settings
from stepsight_collector.status import Endpoints, StatusSource
from stepsight_collector.store import open_store
from stepsight_collector.wal import Wal, WalLimits

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

__all__ = ["main", "run_collector"]

_log = logging.getLogger("stepsight.app")


def main(argv: Sequence[str] | None = None, prog: str = "stepsight up") -> int:
    """Run a collector from the command line.

    Returns 0 after a stop that was asked for, 1 if it cannot run, 2 for wrong settings.
    """
    _configure_logging()
    try:
        return run_collector(load_settings(vars(_parser(prog).parse_args(argv))))
    except ConfigError as exc:
        _say_on_stderr(*exc.problems)
        return 2
    except CollectorError as exc:
        _say_on_stderr(str(exc))
        return 1


def run_collector(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT, then store what was acknowledged and return 0.

    Raises `CollectorError` if the collector cannot start.
    """
    keep_heap()
    if settings.no_native_library:
        native.leave_out()
    with (
        data_dir_lock(settings.data_dir),
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        runner.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as parts:
        endpoints = await _start(settings, parts)
        _announce(settings, endpoints)
        await stop.wait()
        _say("Stopping: what was accepted is being stored.")


async def _start(settings: Settings, parts: AsyncExitStack) -> Endpoints:
    """Start every part, and leave in `parts` how to stop it; the last one started stops first."""
    gate = await open_gate(settings, parts)
    otlp_socket, ui_socket = _bind_sockets(settings, parts)
    store = await asyncio.to_thread(
        open_store, settings.store, fsync=settings.store_fsync, streams=stream_limits(settings)
    )
    parts.push_async_callback(asyncio.to_thread, store.close)
    queries = Queries(store, lane_limits(settings))
    wal_dir = settings.data_dir / "wal"
    wal = Wal(wal_dir, _wal_limits(settings))
    metrics = Metrics()
    gate.door.shares = Shares(lambda: wal.fill)
    loader = Loader(store, wal, metrics, rows=RowMaker(wal_dir))
    disk = _disk_watch(settings)
    status = StatusSource(settings, store.url, wal, metrics, disk)

    live = LiveMetrics()
    api = build_api(
        store,
        queries,
        answer_policy(settings),
        status=status.as_dict,
        live=live.read,
        access=gate.door.access,
    )
    api = with_prefix(api, settings.path_prefix)
    ui = HttpServer(api, ui_socket, gate.limits, gate.context, metrics.cut_connections)
    parts.push_async_callback(ui.stop)
    await ui.start()
    parts.push_async_callback(queries.stop)
    ingest = await _start_wal(settings, wal, loader, parts, metrics=metrics, disk=disk)
    observer = Observer(store, wal, metrics, disk, settings.self_metrics_interval_s)
    parts.push_async_callback(observer.stop)
    await observer.start(ingest)
    grpc_port = await _start_grpc(settings, ingest, gate, parts)
    # A store that is away is no reason to refuse requests: the WAL takes them.
    pages = HealthPages(
        why_not_ready=wal.why_not_ready,
        metrics_text=observer.prometheus,
        is_guarded=not is_loopback(settings.host),
    )
    breeze = BreezeRoutes(ingest, gate.door, live, metrics.breeze)
    app = build_otlp_app(ingest, gate.door, pages, settings.max_json_bytes, breeze)
    app = with_cors(with_prefix(app, settings.path_prefix), settings.cors_origins)
    short = ShortWay(ingest, gate.door, settings.path_prefix)
    otlp = HttpServer(
        app, otlp_socket, gate.limits, gate.context, metrics.cut_connections, short=short
    )
    parts.push_async_callback(otlp.stop)
    await otlp.start()

    scheme = "http" if gate.tls is None else "https"
    status.endpoints = Endpoints.of(settings.host, grpc_port, otlp.port, ui.port, scheme)
    parts.callback(_write_ready_file(settings, status.endpoints))
    return status.endpoints


async def _start_wal(
    settings: Settings,
    wal: Wal,
    loader: Loader,
    parts: AsyncExitStack,
    *,
    metrics: Metrics,
    disk: DiskWatch,
) -> Ingest:
    """Open the log with the loader behind it; what it still holds is loaded first."""
    parts.push_async_callback(loader.stop)
    await loader.start()
    parts.push_async_callback(_drain, loader, wal, settings.drain_timeout_s)
    parts.push_async_callback(wal.close)
    resends = _resends(settings)
    if resends is None:
        await wal.start(loader.submit)
    else:
        await wal.start(loader.submit, resends.remember)

    ingest = Ingest(
        wal,
        metrics,
        settings.max_body_bytes,
        record_limits=record_limits(settings),
        resends=resends,
        disk=disk,
    )
    parts.callback(ingest.close)
    return ingest


def _bind_sockets(settings: Settings, parts: AsyncExitStack) -> tuple[socket.socket, socket.socket]:
    """Take the ports first: a taken one is said at once, not after the store was opened."""
    otlp = bind(settings.host, settings.http_port, "OTLP/HTTP", "--http-port")
    parts.callback(otlp.close)
    ui = bind(settings.host, settings.ui_port, "The UI", "--ui-port")
    parts.callback(ui.close)
    return otlp, ui


async def _start_grpc(
    settings: Settings, ingest: Ingest, gate: Gate, parts: AsyncExitStack
) -> int | None:
    if settings.grpc_port is None:
        return None
    receiver = GrpcReceiver(
        ingest,
        gate.door,
        settings.host,
        settings.grpc_port,
        max_message_bytes=settings.max_grpc_message_bytes,
        limits=gate.limits,
        tls=gate.tls,
    )
    parts.push_async_callback(receiver.stop)
    await receiver.start()
    return receiver.port


async def _drain(loader: Loader, wal: Wal, timeout_s: float) -> None:
    if not await loader.drain(timeout_s):
        _log.warning(
            "the store did not take everything within %d s: %d segments wait in the write-ahead "
            "log and are loaded at the next start",
            timeout_s,
            wal.usage().segments,
        )


def _disk_watch(settings: Settings) -> DiskWatch:
    return DiskWatch(
        settings.data_dir,
        store_directory(settings.store),
        settings.disk_low_bytes,
        settings.disk_full_bytes,
    )


def _resends(settings: Settings) -> Resends | None:
    if settings.resend_window_s == 0:
        return None
    return Resends(settings.resend_window_s, settings.resend_window_requests)


def _wal_limits(settings: Settings) -> WalLimits:
    return WalLimits(
        max_segment_bytes=settings.wal_segment_bytes,
        max_segment_records=settings.wal_segment_records,
        max_age_s=settings.wal_segment_age_ms / 1000,
        quota_bytes=settings.wal_quota_bytes,
    )


def _write_ready_file(settings: Settings, endpoints: Endpoints) -> Callable[[], None]:
    """Write the file in one step; returns how to remove it again."""
    file = settings.ready_file
    if file is None:
        return lambda: None
    fresh = file.with_name(file.name + ".new")
    try:
        fresh.write_text(json.dumps(endpoints.as_dict()) + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError as exc:
        problem = f"--ready-file {file} cannot be written: {exc.strerror}."
        raise ConfigError([problem]) from exc
    return lambda: file.unlink(missing_ok=True)


def _announce(settings: Settings, endpoints: Endpoints) -> None:
    grpc = f", {endpoints.otlp_grpc} (gRPC)" if endpoints.otlp_grpc else ""
    _say(
        f"stepsight {version('stepsight')} is running.",
        f"  Look at runs    {endpoints.ui}",
        f"  Send telemetry  {endpoints.otlp_http} (HTTP){grpc}",
        f"  Data            {settings.data_dir}",
        f"  In a step       export STEPSIGHT_ENDPOINT={endpoints.otlp_http}",
        "Ctrl-C stops it.",
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="Receive telemetry, keep it, answer queries; until Ctrl-C."
    )
    for row in ROWS:
        if not row.flag:
            continue
        default = "" if row.default in {None, False, ""} else f" (default {row.default})"
        unit = f" In {row.unit}." if row.unit else ""
        text = f"{row.doc}{unit} [{row.env}]{default}".replace("%", "%%")
        if row.kind == "switch":
            parser.add_argument(
                row.flag, dest=row.name, action="store_const", const=True, help=text
            )
        else:
            metavar = row.name.upper() if row.kind in {"text", "path"} else "N"
            parser.add_argument(row.flag, dest=row.name, metavar=metavar, help=text)
    return parser


def _configure_logging() -> None:
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[LimitedHandler()],
    )
    # Its warnings are one for each request that is no HTTP; those are counted (/metrics).
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _say_on_stderr(*lines: str) -> None:
    sys.stderr.write("".join(f"stepsight: {line}\n" for line in lines))
