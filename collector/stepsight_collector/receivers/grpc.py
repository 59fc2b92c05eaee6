"""OTLP over gRPC: three services with one method each, bytes in and bytes out.

The only module that imports grpcio. No deserializer: the request's bytes go to the disk as they
came, after the same check as over HTTP.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from stepsight_collector.errors import (
    AccessError,
    BusyError,
    CollectorError,
    MalformedError,
    MissingExtraError,
    PortInUseError,
    StorageError,
)
from stepsight_collector.receivers import rpc_status

if TYPE_CHECKING:
    from stepsight_collector.receivers.connection import ConnectionLimits
    from stepsight_collector.receivers.door import Door
    from stepsight_collector.receivers.ingest import Ingest
    from stepsight_collector.receivers.judge import Judged
    from stepsight_collector.tls import Tls
    from stepsight_collector.wal import Signal

__all__ = ["GrpcReceiver"]

_SERVICES: dict[Signal, str] = {
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_PROFILES = "opentelemetry.proto.collector.profiles.v1development.ProfilesService"
_NO_PROFILES = (
    "Profiles are not stored here. Send logs, traces and metrics; take the profiles exporter out."
)
_GRACE_S = 2.0
# Calls at once on one connection. Not few: a client that opens more before it knows the limit has
# some of them refused.
_MAX_STREAMS = 1024
_MAX_METADATA_BYTES = 16 << 10
_PING_S, _PONG_S = 60, 20
_MAX_READ_S = 30.0
_DEFAULT_MESSAGE_BYTES = 16 << 20


class GrpcReceiver:
    """An OTLP/gRPC server on the running event loop.

    A call is admitted before its message is read: until then it holds the first 64 KiB at most, and
    what it may become is taken from the memory for requests.
    """

    def __init__(
        self,
        ingest: Ingest,
        door: Door,
        host: str,
        port: int,
        *,
        max_message_bytes: int = _DEFAULT_MESSAGE_BYTES,
        limits: ConnectionLimits,
        tls: Tls | None = None,
    ) -> None:
        self._ingest = ingest
        self._door = door
        self._host = host
        self._wanted_port = port
        self._max_message_bytes = max_message_bytes
        self._limits = limits
        self._tls = tls
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
        self._server = grpc.aio.server(options=self._options())
        handlers = [self._handler(grpc, signal) for signal in _SERVICES]
        self._server.add_generic_rpc_handlers((*handlers, _profiles_handler(grpc)))
        address = f"[{self._host}]" if ":" in self._host else self._host
        address = f"{address}:{self._wanted_port}"
        try:
            if self._tls is None:
                self.port = self._server.add_insecure_port(address)
            else:
                credentials = self._tls.grpc_credentials(grpc)
                self.port = self._server.add_secure_port(address, credentials)
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

    def _options(self) -> tuple[tuple[str, int], ...]:
        limits = self._limits
        return (
            ("grpc.max_receive_message_length", self._max_message_bytes),
            ("grpc.so_reuseport", 0),  # else two collectors would share a port unnoticed
            ("grpc.max_concurrent_streams", _MAX_STREAMS),
            ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
            # Windows that grow with the line's speed would hold 8 MiB of a call not yet admitted.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.max_connection_idle_ms", limits.idle_timeout_s * 1000),
            ("grpc.server_handshake_timeout_ms", int(limits.header_timeout_s * 1000)),
            ("grpc.keepalive_time_ms", _PING_S * 1000),
            ("grpc.keepalive_timeout_ms", _PONG_S * 1000),
            ("grpc.max_allowed_incoming_connections", limits.max_connections),
        )

    def _handler(self, grpc: Any, signal: Signal) -> Any:
        # A stream of one message is on the wire what a single one is, and is read when we say so.
        async def export(_requests: Any, context: Any) -> bytes:
            try:
                judged = await self._take(grpc, signal, context)
            except (AccessError, BusyError, MalformedError, StorageError) as exc:
                await _abort(grpc, context, exc)
            if judged.reason:
                return rpc_status.encode_partial_success(judged.rejected, judged.reason)
            return b""

        method = grpc.stream_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(_SERVICES[signal], {"Export": method})

    async def _take(self, grpc: Any, signal: Signal, context: Any) -> Judged:
        metadata = dict(context.invocation_metadata() or ())
        try:
            project = self._door.admit(_text(metadata.get("authorization")))
            hold = await self._door.room(project, self._max_message_bytes)
        except (AccessError, BusyError, MalformedError) as exc:
            self._ingest.count_rejected(signal, exc)
            raise
        with hold:
            body = await self._read(grpc, signal, context)
            hold.shrink(hold.size_bytes - len(body))
            client = _text(metadata.get("user-agent")) or ""
            async with self._door.turn(project):
                judged = await self._ingest.accept(signal, body, client, project)
        self._door.charge(project, len(body), judged.records)
        return judged

    async def _read(self, grpc: Any, signal: Signal, context: Any) -> bytes:
        """Read the message of a call; as slowly as the lowest rate of a body allows, not slower."""
        limits = self._limits
        longest_s = limits.body_timeout_s + self._max_message_bytes / limits.min_body_bytes_per_s
        refusal: BusyError | MalformedError
        try:
            async with asyncio.timeout(min(longest_s, _MAX_READ_S)):
                body = await context.read()
            if body is not grpc.aio.EOF:
                message: bytes = body
                return message
            # gRPC has refused it: over the limit, or no whole message.
            refusal = MalformedError("The call had no message.")
        except TimeoutError:
            refusal = BusyError("The message took too long to arrive. Send it again.")
        self._ingest.count_rejected(signal, refusal)
        raise refusal


def _profiles_handler(grpc: Any) -> Any:
    async def export(_body: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, _NO_PROFILES)
        return b""

    method = grpc.unary_unary_rpc_method_handler(export)
    return grpc.method_handlers_generic_handler(_PROFILES, {"Export": method})


def _text(value: str | bytes | None) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value


async def _abort(grpc: Any, context: Any, exc: CollectorError) -> NoReturn:
    """End a call with the status that tells the sender whether to come again."""
    number = rpc_status.code_of(exc)
    details = rpc_status.encode_status(number, str(exc), getattr(exc, "retry_after_s", None))
    code = grpc.StatusCode[rpc_status.CODE_NAMES[number]]
    await context.abort(code, str(exc), (("grpc-status-details-bin", details),))
    raise AssertionError("abort returned")
