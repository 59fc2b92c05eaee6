"""What OTLP/HTTP answers to an export request: kept, kept in part, refused.

Statuses and bodies: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response". Used by both ways
from a connection to the log, http.py and short_way.py, so that they answer alike.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from stepsight_collector.errors import (
    AccessError,
    BusyError,
    CollectorError,
    ForbiddenError,
    QuotaError,
    StorageError,
    TooLargeError,
    UnsupportedError,
)
from stepsight_collector.receivers import rpc_status
from stepsight_collector.receivers.asgi import JSON, Answer

if TYPE_CHECKING:
    from stepsight_collector.receivers.judge import Judged
    from stepsight_collector.wal import Signal

__all__ = ["KEPT", "PROTOBUF", "collector_failed", "failure", "refusal", "success"]

PROTOBUF = "application/x-protobuf"
# To a request in protobuf of which everything was kept.
KEPT = Answer(200, PROTOBUF, b"")

# The first class that an error is of decides.
_STATUSES: tuple[tuple[type[CollectorError], int], ...] = (
    (ForbiddenError, 403),
    (AccessError, 401),
    (QuotaError, 429),
    (BusyError, 503),
    (StorageError, 503),
    (TooLargeError, 413),
    (UnsupportedError, 415),
)


def success(signal: Signal, content_type: str, judged: Judged) -> Answer:
    """Answer a request of which something was kept."""
    if not judged.reason and content_type == PROTOBUF:
        return KEPT
    if not judged.reason:
        body = b"{}" if content_type == JSON else b""
    elif content_type == JSON:
        body = rpc_status.encode_partial_success_json(signal, judged.rejected, judged.reason)
    else:
        body = rpc_status.encode_partial_success(judged.rejected, judged.reason)
    return Answer(200, content_type, body)


def refusal(content_type: str, exc: CollectorError) -> Answer:
    """Map an error to status, body and headers."""
    status = next((status for kind, status in _STATUSES if isinstance(exc, kind)), 400)
    retry_after_s = getattr(exc, "retry_after_s", None)
    return failure(content_type, status, rpc_status.code_of(exc), str(exc), retry_after_s)


def failure(
    content_type: str, status: int, code: int, message: str, retry_after_s: int | None = None
) -> Answer:
    """Answer with a google.rpc.Status."""
    if content_type == JSON:
        body = rpc_status.encode_status_json(code, message)
    else:
        body = rpc_status.encode_status(code, message, retry_after_s)
    headers: list[tuple[bytes, bytes]] = []
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="stepsight"'))
    return Answer(status, content_type, body, tuple(headers))


def collector_failed() -> Answer:
    """Answer what failed for a reason that nobody thought of."""
    return failure(JSON, 500, rpc_status.INTERNAL, "The collector failed; see its log.")
