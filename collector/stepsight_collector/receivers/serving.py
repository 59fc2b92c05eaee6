"""Serve an ASGI application on a port, under the collector's own signals and log.

Used for the OTLP/HTTP port and for the port of the UI.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from stepsight_collector.errors import PortInUseError
from stepsight_collector.receivers.connection import ConnectionLimits, LimitedConnection
from stepsight_collector.receivers.watchman import Watchman

if TYPE_CHECKING:
    import ssl
    from collections import Counter
    from collections.abc import Iterator

    from stepsight_collector.receivers.short_way import ShortWay

__all__ = ["HttpServer", "bind"]

_BACKLOG = 2048
_GRACE_S = 3


def bind(host: str, port: int, what: str, flag: str) -> socket.socket:
    """Bind a TCP socket. Raises `PortInUseError`, which names the port and the flag."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind)
    except OSError as exc:
        raise PortInUseError(f"{what} cannot listen on {host}: {exc.strerror}.") from exc
    # A restart must not wait for the connections of its predecessor to time out.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as exc:
        bound.close()
        raise PortInUseError(
            f"{what} cannot listen on {host}:{port}: {exc.strerror}. "
            f"Choose another port with {flag}, or 0 for any free one."
        ) from exc
    bound.setblocking(False)
    return bound


class _Server(uvicorn.Server):
    """uvicorn's server on one bound socket, with our TLS and without its signal handlers."""

    def __init__(
        self, config: uvicorn.Config, tls: ssl.SSLContext | None, handshake_s: float
    ) -> None:
        super().__init__(config)
        self._tls = tls
        self._handshake_s = handshake_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the collector stops its parts in order."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; unlike uvicorn, with a limit on the time that a TLS handshake may take."""
        config = self.config

        def connection() -> asyncio.Protocol:
            return config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state={}
            )

        loop = asyncio.get_running_loop()
        handshake_s = None if self._tls is None else self._handshake_s
        self.servers = [
            await loop.create_server(
                connection,
                sock=bound,
                ssl=self._tls,
                ssl_handshake_timeout=handshake_s,
                backlog=_BACKLOG,
            )
            for bound in sockets or ()
        ]
        self.started = True


class HttpServer:
    """A uvicorn server on a bound socket, in the running event loop.

    `cut` counts the connections that were ended, by reason. `short` answers what it can beside
    the application.
    """

    def __init__(
        self,
        app: Any,
        bound: socket.socket,
        limits: ConnectionLimits | None = None,
        tls: ssl.SSLContext | None = None,
        cut: Counter[str] | None = None,
        *,
        short: ShortWay | None = None,
    ) -> None:
        self.port: int = bound.getsockname()[1]
        self._socket = bound
        self._task: asyncio.Task[None] | None = None
        limits = limits or ConnectionLimits()
        own = {"limits": limits, "cut": cut, "short": short}
        connection = type("_Connection", (LimitedConnection,), own)
        config = uvicorn.Config(
            app,
            http=connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Server(config, tls, limits.header_timeout_s)
        self.watchman = Watchman(self._server.server_state.connections)

    async def start(self) -> None:
        """Serve; returns once connections are accepted."""
        self._task = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise PortInUseError(f"The server on port {self.port} ended at its start.")
            await asyncio.sleep(0.005)
        self.watchman.start()

    async def stop(self) -> None:
        """Close the port, let running requests end, for at most three seconds."""
        await self.watchman.stop()
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
