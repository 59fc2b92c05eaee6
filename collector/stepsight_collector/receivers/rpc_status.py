"""What OTLP answers beside a plain yes: google.rpc.Status and partial success, also as JSON.

Encoded by hand: a few fields do not need a generated module.
Source: opentelemetry.io/docs/specs/otlp, "Failures"; google/rpc/status.proto, error_details.proto.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stepsight_collector.errors import (
    AccessError,
    BusyError,
    CollectorError,
    ForbiddenError,
    QuotaError,
    StorageError,
    WalFullError,
)
from stepsight_collector.wal.record import encode_varint

if TYPE_CHECKING:
    from stepsight_collector.wal import Signal

__all__ = [
    "CODE_NAMES",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
    "code_of",
    "encode_partial_success",
    "encode_partial_success_json",
    "encode_status",
    "encode_status_json",
]

INVALID_ARGUMENT = 3
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16
CODE_NAMES = {
    INVALID_ARGUMENT: "INVALID_ARGUMENT",
    PERMISSION_DENIED: "PERMISSION_DENIED",
    RESOURCE_EXHAUSTED: "RESOURCE_EXHAUSTED",
    UNIMPLEMENTED: "UNIMPLEMENTED",
    UNAVAILABLE: "UNAVAILABLE",
    UNAUTHENTICATED: "UNAUTHENTICATED",
}

# The first class that an error is of decides.
_CODES: tuple[tuple[type[CollectorError], int], ...] = (
    (ForbiddenError, PERMISSION_DENIED),
    (AccessError, UNAUTHENTICATED),
    (QuotaError, RESOURCE_EXHAUSTED),
    (WalFullError, RESOURCE_EXHAUSTED),
    (BusyError, UNAVAILABLE),
    (StorageError, UNAVAILABLE),
)
_REJECTED = {
    "logs": "rejectedLogRecords",
    "traces": "rejectedSpans",
    "metrics": "rejectedDataPoints",
}

_RETRY_INFO_TYPE = b"type.googleapis.com/google.rpc.RetryInfo"


def code_of(exc: CollectorError) -> int:
    """Return the status code of an error; what is wrong with a request itself is its sender's."""
    return next((code for kind, code in _CODES if isinstance(exc, kind)), INVALID_ARGUMENT)


def encode_partial_success(rejected: int, message: str) -> bytes:
    """Encode the answer to a request of which a part was kept; the same for all signals."""
    partial = b"\x08" + encode_varint(rejected) + _bytes_field(0x12, message.encode())
    return _bytes_field(0x0A, partial)


def encode_partial_success_json(signal: Signal, rejected: int, message: str) -> bytes:
    """Encode the same as JSON, where a number of 64 bits is text."""
    partial = {_REJECTED[signal]: str(rejected), "errorMessage": message}
    return json.dumps({"partialSuccess": partial}, ensure_ascii=False).encode()


def encode_status(code: int, message: str, retry_after_s: int | None = None) -> bytes:
    """Encode a Status; with `retry_after_s` it carries a RetryInfo."""
    status = b"\x08" + encode_varint(code) + _bytes_field(0x12, message.encode("utf-8", "replace"))
    if retry_after_s is None:
        return status
    delay = _bytes_field(0x0A, b"\x08" + encode_varint(retry_after_s))
    return status + _bytes_field(
        0x1A, _bytes_field(0x0A, _RETRY_INFO_TYPE) + _bytes_field(0x12, delay)
    )


def encode_status_json(code: int, message: str) -> bytes:
    """Encode a Status as JSON, on one line."""
    return json.dumps({"code": code, "message": message}, ensure_ascii=False).encode(
        "utf-8", "replace"
    )


def _bytes_field(tag: int, value: bytes) -> bytes:
    return bytes((tag,)) + encode_varint(len(value)) + value
