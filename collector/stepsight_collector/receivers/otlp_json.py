"""OTLP/JSON to OTLP protobuf.

Source: opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding": trace and span ids are hex,
not base64; numbers of 64 bits may be strings; unknown fields are ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from stepsight_collector.errors import MalformedError
from stepsight_collector.receivers.check import REQUEST_TYPES

if TYPE_CHECKING:
    from stepsight_collector.wal import Signal

__all__ = ["json_to_protobuf"]

# ParseError is meant for this; half a surrogate pair in a name is a SystemError, Infinity for a
# whole number an OverflowError, and other odd values come as errors of Python's own.
_NOT_A_REQUEST = (
    json_format.ParseError,
    ArithmeticError,
    AttributeError,
    SystemError,
    TypeError,
    ValueError,
)
_ID_KEYS = frozenset(("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"))


def json_to_protobuf(signal: Signal, body: bytes) -> bytes:
    """Translate a JSON request into the bytes of the same protobuf request.

    An empty body is an empty request. Raises `MalformedError` and says where.
    """
    if not body.strip():
        return b""
    request = REQUEST_TYPES[signal]()
    try:
        document = json.loads(body)
        if not isinstance(document, dict):
            raise MalformedError("The JSON body must be an object with the fields of the request.")
        json_format.ParseDict(_with_base64_ids(document, "$"), request, ignore_unknown_fields=True)
        return request.SerializeToString()
    except json.JSONDecodeError as exc:
        raise MalformedError(
            f"The body is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}."
        ) from exc
    except UnicodeDecodeError as exc:
        raise MalformedError(f"The JSON body is not UTF-8 at byte {exc.start}.") from exc
    except RecursionError as exc:
        raise MalformedError("The JSON body is nested too deeply.") from exc
    except _NOT_A_REQUEST as exc:
        name = request.DESCRIPTOR.name
        raise MalformedError(f"The JSON body is not a {name}: {exc}") from exc


def _with_base64_ids(value: Any, path: str) -> Any:
    """Copy a JSON value with hex ids turned into base64, which protobuf's JSON wants.

    Attribute names cannot be taken for ids: they are values of `key`, never keys themselves.
    """
    if isinstance(value, list):
        return [_with_base64_ids(each, f"{path}[{at}]") for at, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    return {
        key: _hex_to_base64(each, f"{path}.{key}")
        if key in _ID_KEYS
        else _with_base64_ids(each, f"{path}.{key}")
        for key, each in value.items()
    }


def _hex_to_base64(value: Any, path: str) -> Any:
    if value is None:
        return None
    try:
        return base64.b64encode(binascii.unhexlify(value)).decode()
    except (binascii.Error, TypeError, ValueError) as exc:
        raise MalformedError(f"{path} must be an id in hex digits, got {value!r:.60}.") from exc
