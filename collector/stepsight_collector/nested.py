"""Nested attribute values as JSON text, so that values of any depth fit a map of strings.

OTLP bytes in, OTLP bytes out. The engine's protobuf reader cannot express the recursive AnyValue;
the WAL marks the few requests that hold one, and only those pass here, on their way from the WAL to
the store. A large one goes in pieces: parsed it takes up to 90 times its bytes in memory, and
rewritten up to 6 times, since JSON has six characters for a control character.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from stepsight_collector.receivers.check import REQUEST_TYPES
from stepsight_collector.receivers.split import split_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from stepsight_collector.wal import Entry, Signal

__all__ = ["flatten_nested", "pieces", "storable"]

PIECE_BYTES = 4 << 20
_NESTED = frozenset({"array_value", "kvlist_value"})


def flatten_nested(signal: Signal, request: bytes) -> bytes:
    """Return the request with every list and map turned into a string of compact JSON.

    Numbers stay numbers, bytes become base64, NaN and infinities the strings `NaN`, `Infinity`,
    `-Infinity`, an unset
    value null. A key that a map holds twice keeps its last value. Everything else comes back as it
    was.

    >>> from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    >>> request = ExportLogsServiceRequest()
    >>> record = request.resource_logs.add().scope_logs.add().log_records.add()
    >>> record.body.array_value.values.add().int_value = 3
    >>> flat = ExportLogsServiceRequest.FromString(
    ...     flatten_nested("logs", request.SerializeToString())
    ... )
    >>> flat.resource_logs[0].scope_logs[0].log_records[0].body.string_value
    '[3]'
    """
    message = REQUEST_TYPES[signal].FromString(request)
    _flatten(message)
    return message.SerializeToString()


def pieces(entry: Entry) -> Iterator[Entry]:
    """Yield an entry of nested values in parts of some PIECE_BYTES, any other as it is.

    The same entry always gives the same pieces. Raises MalformedError if it is no request.
    """
    if not entry.nested or len(entry.request) <= PIECE_BYTES:
        yield entry
        return
    # No limit on their number: it was accepted.
    for part in split_request(entry.request, PIECE_BYTES, len(entry.request)):
        yield replace(entry, request=part.encode(), records=len(part))


def storable(signal: Signal, entry: Entry) -> Entry:
    """The entry as the store can read it: nested attribute values have become JSON text."""
    if not entry.nested:
        return entry
    return replace(entry, request=flatten_nested(signal, entry.request), nested=False)


def _flatten(message: Message) -> None:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in value if field.is_repeated else (value,):
            if not isinstance(item, AnyValue):
                _flatten(item)
            elif item.WhichOneof("value") in _NESTED:
                item.string_value = json.dumps(
                    _plain(item), ensure_ascii=False, separators=(",", ":")
                )


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    if kind == "double_value" and not math.isfinite(value.double_value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value.double_value, "NaN")
    return getattr(value, kind) if kind else None
