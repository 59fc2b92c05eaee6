"""OTLP over gRPC: three services with one method each, bytes in and bytes out.

The only module that imports grpcio. No deserializer: the request's bytes go to the disk as they
came, after the same check as over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepsight_collector.errors import (
    MalformedError,
    MissingExtraError,
    PortInUseError,
    StorageError,
    WalFullError,
)
from stepsight_collector.receivers import rpc_status

if TYPE_CHECKING:
    from stepsight_collector.receivers.ingest import Ingest
    from stepsight_collector.wal import Signal

__all__ = ["GrpcReceiver"]

_SERVICES: dict[Signal, str] = {
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_GRACE_S = 2.0


class GrpcReceiver:
    """An OTLP/gRPC server on the running event loop."""

    def __init__(self, ingest: Ingest, host: str, port: int) -> None:
        self._ingest = ingest
        self._host = host
        self._wanted_port = port
        self._server: Any = None
        self.port = 0

    async def start(self) -> None:
        """Bind and serve; `port` is then the real one.

        Raises `MissingExtraError` without grpcio and `PortInUseError` if it cannot bind.
        """
        try:
            import grpc
        except ImportError as exc:
            raise MissingExtraError(
                "OTLP/gRPC needs grpcio, which is not installed. Run: "
                "pip install 'stepsight[collector]', or start with --grpc-port off."
            ) from exc
        limit = self._ingest.max_body_bytes
        self._server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", limit),
                ("grpc.so_reuseport", 0),  # else two collectors would share a port unnoticed
            )
        )
        self._server.add_generic_rpc_handlers(
            tuple(self._handler(grpc, signal) for signal in _SERVICES)
        )
        address = f"[{self._host}]" if ":" in self._host else self._host
        try:
            self.port = self._server.add_insecure_port(f"{address}:{self._wanted_port}")
        except RuntimeError as exc:
            raise PortInUseError(
                f"OTLP/gRPC cannot listen on {self._host}:{self._wanted_port}: it is in use or "
                "not allowed. Choose another with --grpc-port, or 0 for any free one."
            ) from exc
        await self._server.start()

    async def stop(self) -> None:
        """Refuse new calls and let running ones end."""
        if self._server is not None:
            await self._server.stop(_GRACE_S)

    def _handler(self, grpc: Any, signal: Signal) -> Any:
        async def export(body: bytes, context: Any) -> bytes:
            try:
                await self._ingest.accept(signal, body, _user_agent(context))
            except (MalformedError, StorageError) as exc:
                await _abort(grpc, context, exc)
            return b""

        method = grpc.unary_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(_SERVICES[signal], {"Export": method})


def _user_agent(context: Any) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "user-agent":
            return str(value)
    return ""


async def _abort(grpc: Any, context: Any, exc: MalformedError | StorageError) -> None:
    """End a call with the status that tells the sender whether to come again."""
    if isinstance(exc, MalformedError):
        code, number, retry_after_s = grpc.StatusCode.INVALID_ARGUMENT, 3, None
    elif isinstance(exc, WalFullError):
        code, number, retry_after_s = grpc.StatusCode.RESOURCE_EXHAUSTED, 8, exc.retry_after_s
    else:
        code, number, retry_after_s = grpc.StatusCode.UNAVAILABLE, 14, exc.retry_after_s
    details = rpc_status.encode_status(number, str(exc), retry_after_s)
    await context.abort(code, str(exc), (("grpc-status-details-bin", details),))
