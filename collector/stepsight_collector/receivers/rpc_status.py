"""The error body of OTLP: google.rpc.Status, in protobuf and JSON.

Encoded by hand: three fields do not need a generated module.
Source: opentelemetry.io/docs/specs/otlp, "Failures"; google/rpc/status.proto, error_details.proto.
"""

from __future__ import annotations

import json

from stepsight_collector.wal.record import encode_varint

__all__ = [
    "INTERNAL",
    "INVALID_ARGUMENT",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
    "encode_status",
    "encode_status_json",
]

INVALID_ARGUMENT = 3
RESOURCE_EXHAUSTED = 8
INTERNAL = 13
UNAVAILABLE = 14

_RETRY_INFO_TYPE = b"type.googleapis.com/google.rpc.RetryInfo"


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
