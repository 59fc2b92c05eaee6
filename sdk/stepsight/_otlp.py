"""OTLP protobuf, written by hand: records in, export requests out.

Standard library only, because protobuf and the OTLP exporter would cost a step 12 to 15 MB and
75 to 140 ms (docs/adr/0001-own-otlp-encoder.md). Numbers and types are those of
opentelemetry-proto; tests parse everything with its own classes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "LogItem",
    "MetricItem",
    "SpanItem",
    "encode_request",
    "encode_resource",
    "signal_of",
    "varint",
]

MAX_DEPTH = 20
NO_RECORDED_VALUE = 1
KIND_SERVER, KIND_INTERNAL = 2, 1
STATUS_OK, STATUS_ERROR = 1, 2

# What an item weighs in the queue beside its texts: the objects themselves, about.
ITEM_BYTES, ATTRIBUTE_BYTES = 256, 64

_fixed64 = struct.Struct("<Q").pack
_double = struct.Struct("<d").pack


@dataclass(slots=True)
class LogItem:
    """A log record or event on its way to the collector.

    `more` makes further attributes on the worker's thread, for what is dear to find out.
    """

    signal: ClassVar[str] = "logs"

    time_unix_nano: int
    severity: int
    level: str
    body: str
    scope: str
    attributes: dict[str, Any]
    trace_id: bytes
    span_id: bytes
    event: str = ""
    more: Callable[[], dict[str, Any]] | None = None

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return ITEM_BYTES + len(self.body) + _weight(self.attributes)


@dataclass(slots=True)
class MetricItem:
    """One value of a run metric; `value` None is a point without a number."""

    signal: ClassVar[str] = "metrics"

    time_unix_nano: int
    name: str
    value: float | None
    attributes: dict[str, Any]

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return ITEM_BYTES + _weight(self.attributes)


@dataclass(slots=True)
class SpanItem:
    """A finished span. `status` is 0 unset, 1 ok, 2 error."""

    signal: ClassVar[str] = "traces"

    name: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_unix_nano: int
    end_unix_nano: int
    kind: int
    status: int
    status_message: str
    attributes: dict[str, Any]
    trace_state: str = ""

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return ITEM_BYTES + len(self.status_message) + _weight(self.attributes)


def signal_of(item: LogItem | MetricItem | SpanItem) -> str:
    """The signal that an item travels in: `logs`, `metrics` or `traces`."""
    return item.signal


def encode_resource(attributes: Mapping[str, Any]) -> bytes:
    """A resource as it stands in every request."""
    return _attributes(b"\x0a", attributes)


def encode_request(signal: str, resource: bytes, items: Iterable[Any]) -> bytes:
    """An export request of one signal, in the items' order within a scope.

    `logs` takes LogItem, `metrics` MetricItem, `traces` SpanItem.
    """
    scopes: dict[str, list[bytes]] = {}
    if signal == "logs":
        for item in items:
            scopes.setdefault(item.scope, []).append(_part(b"\x12", _log(item)))
    elif signal == "metrics":
        scopes["stepsight.run"] = [_part(b"\x12", metric) for metric in _metrics(items)]
    else:
        scopes["stepsight"] = [_part(b"\x12", _span(item)) for item in items]
    body = _part(b"\x0a", resource) + b"".join(
        _part(b"\x12", _part(b"\x0a", _text(b"\x0a", name)) + b"".join(parts))
        for name, parts in scopes.items()
    )
    return _part(b"\x0a", body)


def varint(value: int) -> bytes:
    """A number of at least 0 as a protobuf varint."""
    if value < 0x80:  # noqa: PLR2004 - one byte
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _weight(attributes: Mapping[str, Any]) -> int:
    texts = sum(len(value) for value in attributes.values() if type(value) is str)
    return texts + ATTRIBUTE_BYTES * len(attributes)


def _part(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


def _text(tag: bytes, text: str) -> bytes:
    # A lone surrogate is no UTF-8 and would make the collector refuse the whole request.
    return _part(tag, text.encode("utf-8", "backslashreplace")) if text else b""


def _log(item: LogItem) -> bytes:
    time = _fixed64(item.time_unix_nano)
    return b"".join(
        (
            b"\x09",
            time,
            b"\x10" + varint(item.severity) if item.severity else b"",
            _text(b"\x1a", item.level),
            _part(b"\x2a", _text(b"\x0a", item.body) or b"\x0a\x00"),
            _attributes(b"\x32", item.attributes) if item.attributes else b"",
            b"\x4a\x10" + item.trace_id if item.trace_id else b"",
            b"\x52\x08" + item.span_id if item.span_id else b"",
            b"\x59",
            time,
            _text(b"\x62", item.event),
        )
    )


def _metrics(items: Iterable[MetricItem]) -> list[bytes]:
    points: dict[str, list[bytes]] = {}
    for item in items:
        value = (
            b"\x40" + varint(NO_RECORDED_VALUE)
            if item.value is None
            else b"\x21" + _double(item.value)
        )
        point = b"\x19" + _fixed64(item.time_unix_nano) + value
        point += _attributes(b"\x3a", item.attributes)
        points.setdefault(item.name, []).append(_part(b"\x0a", point))
    return [
        _text(b"\x0a", name) + _part(b"\x2a", b"".join(parts)) for name, parts in points.items()
    ]


def _span(item: SpanItem) -> bytes:
    status = _text(b"\x12", item.status_message)
    status += b"\x18" + varint(item.status) if item.status else b""
    return b"".join(
        (
            _part(b"\x0a", item.trace_id),
            _part(b"\x12", item.span_id),
            _text(b"\x1a", item.trace_state),
            _part(b"\x22", item.parent_span_id) if item.parent_span_id else b"",
            _text(b"\x2a", item.name),
            b"\x30" + varint(item.kind),
            b"\x39" + _fixed64(item.start_unix_nano),
            b"\x41" + _fixed64(item.end_unix_nano),
            _attributes(b"\x4a", item.attributes),
            _part(b"\x7a", status) if status else b"",
        )
    )


def _attributes(tag: bytes, attributes: Mapping[str, Any]) -> bytes:
    return b"".join(
        _part(tag, _text(b"\x0a", str(key)) + _part(b"\x12", _value(value)))
        for key, value in attributes.items()
    )


def _value(value: Any, depth: int = 0) -> bytes:  # noqa: PLR0911 - one return a type
    kind = type(value)
    if kind is str:
        return _text(b"\x0a", value) or b"\x0a\x00"
    if value is None:
        return b""
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int and -(2**63) <= value < 2**63:
        return b"\x18" + varint(value & 0xFFFFFFFFFFFFFFFF)
    if kind is float:
        return b"\x21" + _double(value)
    if kind is bytes:
        return _part(b"\x3a", value)
    if depth < MAX_DEPTH and isinstance(value, dict):
        pairs = (
            _part(b"\x0a", _text(b"\x0a", str(key)) + _part(b"\x12", _value(item, depth + 1)))
            for key, item in value.items()
        )
        return _part(b"\x32", b"".join(pairs))
    if depth < MAX_DEPTH and isinstance(value, (list, tuple, set, frozenset)):
        return _part(b"\x2a", b"".join(_part(b"\x0a", _value(v, depth + 1)) for v in value))
    return _text(b"\x0a", _as_text(value)) or b"\x0a\x00"


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - a value's own __str__ may do anything
        return f"<{type(value).__name__} whose text failed: {type(exc).__name__}>"
