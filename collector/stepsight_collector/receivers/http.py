"""OTLP over HTTP, and the collector's own health pages, as a minimal ASGI application.

No framework in the hot path: a request is one dictionary of headers, one body and one answer.
Routes, statuses and bodies: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP".
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepsight_collector.errors import (
    CollectorError,
    MalformedError,
    StorageError,
    TooLargeError,
    UnsupportedError,
    WalFullError,
)
from stepsight_collector.receivers import rpc_status
from stepsight_collector.receivers.asgi import (
    JSON,
    Answer,
    ClientGoneError,
    fold_path,
    read_body,
    send_answer,
)
from stepsight_collector.receivers.compression import decompress
from stepsight_collector.receivers.otlp_json import json_to_protobuf

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from stepsight_collector.receivers.asgi import AsgiApp, Receive, Send
    from stepsight_collector.receivers.breeze import BreezeRoutes
    from stepsight_collector.receivers.ingest import Ingest
    from stepsight_collector.wal import Signal

__all__ = ["HealthPages", "build_otlp_app"]

_SIGNAL_OF_PATH: dict[str, Signal] = {
    "/v1/logs": "logs",
    "/v1/traces": "traces",
    "/v1/metrics": "metrics",
}
_HEALTH_PATHS = ("/healthz", "/readyz", "/metrics")
_PROTOBUF, _JSON, _TEXT = "application/x-protobuf", JSON, "text/plain; charset=utf-8"
_LOG_INTERVAL_S = 60.0
_log = logging.getLogger("stepsight.receivers.http")


@dataclass(frozen=True, slots=True)
class HealthPages:
    """What the health pages show: `why_not_ready` is None when requests are accepted."""

    why_not_ready: Callable[[], str | None]
    metrics_text: Callable[[], bytes]


def build_otlp_app(
    ingest: Ingest, pages: HealthPages, breeze: BreezeRoutes | None = None
) -> AsgiApp:
    """Return the ASGI application of the OTLP/HTTP port; `breeze` adds Application Insights."""
    logged_at = float("-inf")

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        nonlocal logged_at
        if scope["type"] != "http":
            return
        try:
            answer = await _answer(scope, receive, ingest, pages, breeze)
        except ClientGoneError:
            return
        except Exception:  # noqa: BLE001 - a bug here must be an answer, not a dropped connection
            if time.monotonic() - logged_at >= _LOG_INTERVAL_S:
                logged_at = time.monotonic()
                _log.exception("request to %s failed", scope["path"])
            answer = _failure(_JSON, 500, rpc_status.INTERNAL, "The collector failed; see its log.")
        await send_answer(send, answer)

    return app


async def _answer(
    scope: MutableMapping[str, Any],
    receive: Receive,
    ingest: Ingest,
    pages: HealthPages,
    breeze: BreezeRoutes | None,
) -> Answer:
    path, method = fold_path(scope["path"]), scope["method"]
    signal = _SIGNAL_OF_PATH.get(path)
    if signal is not None:
        if method != "POST":
            return _not_allowed(path, method, "POST")
        return await _export(signal, dict(scope["headers"]), receive, ingest)
    if breeze is not None and path in breeze.paths:
        if method != "POST":
            return _not_allowed(path, method, "POST")
        return await breeze.answer(path, scope, receive)
    return _page(path, method, pages, breeze)


def _page(path: str, method: str, pages: HealthPages, breeze: BreezeRoutes | None) -> Answer:
    """Answer what is no telemetry."""
    if path in _HEALTH_PATHS:
        if method not in {"GET", "HEAD"}:
            return _not_allowed(path, method, "GET")
        return _health(path, pages)
    known = ", ".join((*_SIGNAL_OF_PATH, *(breeze.paths if breeze else ()), *_HEALTH_PATHS))
    message = f"There is nothing at {path[:200]}. This port serves {known}."
    return _failure(_JSON, 404, 5, message)


async def _export(
    signal: Signal, headers: dict[bytes, bytes], receive: Receive, ingest: Ingest
) -> Answer:
    """Take one export request to the disk."""
    content_type = (
        headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    )
    answer_type = _JSON if content_type == _JSON else _PROTOBUF
    try:
        body = await _request_body(signal, content_type, headers, receive, ingest)
    except (MalformedError, UnsupportedError) as exc:
        ingest.count_rejected(signal, exc)
        return _refusal(answer_type, exc)
    try:
        client = headers.get(b"user-agent", b"").decode("latin-1")
        await ingest.accept(signal, body, client)
    except (MalformedError, StorageError) as exc:
        return _refusal(answer_type, exc)
    return Answer(200, answer_type, b"{}" if answer_type == _JSON else b"")


async def _request_body(
    signal: Signal, content_type: str, headers: dict[bytes, bytes], receive: Receive, ingest: Ingest
) -> bytes:
    """Read a body and turn it into protobuf bytes."""
    if content_type not in {_PROTOBUF, _JSON}:
        raise UnsupportedError(
            f'Content-Type must be {_PROTOBUF} or {_JSON}, got "{content_type[:100]}".'
        )
    limit = ingest.max_body_bytes
    body = await read_body(receive, headers, limit)
    encoding = headers.get(b"content-encoding")
    if encoding is not None:
        name = encoding.decode("latin-1")
        body = await ingest.decode(lambda data: decompress(data, name, limit), body)
    if content_type == _JSON:
        body = await ingest.decode(lambda data: json_to_protobuf(signal, data), body)
    return body


def _refusal(content_type: str, exc: CollectorError) -> Answer:
    """Map an error to status, body and headers."""
    if isinstance(exc, StorageError):
        is_full = isinstance(exc, WalFullError)
        code = rpc_status.RESOURCE_EXHAUSTED if is_full else rpc_status.UNAVAILABLE
        return _failure(content_type, 503, code, str(exc), exc.retry_after_s)
    status = 400
    if isinstance(exc, TooLargeError):
        status = 413
    elif isinstance(exc, UnsupportedError):
        status = 415
    return _failure(content_type, status, rpc_status.INVALID_ARGUMENT, str(exc))


def _failure(
    content_type: str, status: int, code: int, message: str, retry_after_s: int | None = None
) -> Answer:
    if content_type == _JSON:
        body = rpc_status.encode_status_json(code, message)
    else:
        body = rpc_status.encode_status(code, message, retry_after_s)
    headers = () if retry_after_s is None else ((b"retry-after", str(retry_after_s).encode()),)
    return Answer(status, content_type, body, headers)


def _not_allowed(path: str, method: str, allowed: str) -> Answer:
    message = f"{path} takes {allowed}, not {method[:20]}."
    body = rpc_status.encode_status_json(rpc_status.INVALID_ARGUMENT, message)
    return Answer(405, _JSON, body, ((b"allow", allowed.encode()),))


def _health(path: str, pages: HealthPages) -> Answer:
    if path == "/metrics":
        return Answer(200, "text/plain; version=0.0.4; charset=utf-8", pages.metrics_text())
    reason = pages.why_not_ready() if path == "/readyz" else None
    if reason is None:
        return Answer(200, _TEXT, b"ok\n")
    return Answer(503, _TEXT, f"not ready: {reason}\n".encode())
