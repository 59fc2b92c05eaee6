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

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the collector stops its parts in order."""
        yield


class HttpServer:
    """A uvicorn server on a bound socket, in the running event loop."""

    def __init__(self, app: Any, bound: socket.socket) -> None:
        self.port: int = bound.getsockname()[1]
        self._socket = bound
        self._task: asyncio.Task[None] | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )

    async def start(self) -> None:
        """Serve; returns once connections are accepted."""
        self._task = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise PortInUseError(f"The server on port {self.port} ended at its start.")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Close the port, let running requests end, for at most three seconds."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
