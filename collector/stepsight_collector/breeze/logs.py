"""Envelopes that become log records: messages, exceptions, events, page views, availability.

And what has a base type that nobody knows: it is kept whole, as a record of its own type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepsight_collector.breeze.attributes import raw_field, record_attributes
from stepsight_collector.breeze.dimensions import unfold
from stepsight_collector.breeze.fields import ITEM_TYPE, MEASUREMENTS
from stepsight_collector.breeze.severity import severity_of
from stepsight_collector.breeze.wire import as_text, block, utf8, varint

if TYPE_CHECKING:
    from stepsight_collector.breeze.envelope import Envelope
    from stepsight_collector.breeze.wire import AttributeEncoder

__all__ = [
    "availability_record",
    "event_record",
    "exception_record",
    "message_record",
    "page_record",
    "unknown_record",
]

_NONE = (0, "")


def message_record(envelope: Envelope, encoder: AttributeEncoder) -> bytes:
    """A trace row: the message is the body."""
    severity = _severity(envelope, encoder)
    attributes = record_attributes(envelope, encoder)
    return _record(envelope, attributes, as_text(envelope.base.get("message")), severity)


def exception_record(envelope: Envelope, encoder: AttributeEncoder) -> bytes:
    """An exception row: the first exception as OpenTelemetry names it, all of them as JSON."""
    severity = _severity(envelope, encoder)
    attributes = record_attributes(envelope, encoder)
    exceptions = envelope.base.get("exceptions")
    first: dict[str, Any] = {}
    if exceptions:
        attributes.append(encoder.text("stepsight.exception.details", as_text(exceptions)))
        if isinstance(exceptions, list) and isinstance(exceptions[0], dict):
            first = exceptions[0]
    message = as_text(first.get("message"))
    attributes += [
        encoder.text("exception.type", as_text(first.get("typeName"))),
        encoder.text("exception.message", message),
    ]
    stack = as_text(first.get("stack")) or _stack_text(first.get("parsedStack"))
    if stack:
        attributes.append(encoder.text("exception.stacktrace", stack))
    return _record(envelope, attributes, message, severity)


def event_record(envelope: Envelope, encoder: AttributeEncoder) -> bytes:
    """An event row: a record with an event name."""
    attributes = record_attributes(envelope, encoder)
    return _record(envelope, attributes, "", _NONE, as_text(envelope.base.get("name")))


def page_record(envelope: Envelope, encoder: AttributeEncoder) -> bytes:
    """A page view, or the timings of one."""
    attributes = record_attributes(envelope, encoder)
    return _record(envelope, attributes, as_text(envelope.base.get("name")))


def availability_record(envelope: Envelope, encoder: AttributeEncoder) -> bytes:
    """An availability row, with the attributes that Azure Monitor's own exporter reads."""
    attributes = record_attributes(envelope, encoder)
    name = as_text(envelope.base.get("name"))
    attributes.append(encoder.text("microsoft.availability.name", name))
    return _record(envelope, attributes, name)


def unknown_record(envelope: Envelope, encoder: AttributeEncoder) -> bytes:
    """Keep every field of a base type that nobody knows."""
    base, attributes = envelope.base, envelope.attributes
    attributes.append(encoder.text(ITEM_TYPE, envelope.base_type))
    for name in sorted(base):
        value = base[name]
        if name == "properties" and isinstance(value, dict):
            attributes += encoder.properties(unfold(value))
        elif name == "measurements" and isinstance(value, dict):
            attributes.append(encoder.text(MEASUREMENTS, as_text(value)))
        else:
            attributes.append(raw_field(name, value, encoder))
    return _record(envelope, attributes, as_text(base.get("message") or base.get("name")))


def _severity(envelope: Envelope, encoder: AttributeEncoder) -> tuple[int, str]:
    """Return number and text; a level that is none is kept beside them."""
    level = envelope.base.get("severityLevel")
    if level is None:
        return _NONE
    severity = severity_of(level)
    if severity is None:
        envelope.attributes.append(raw_field("severityLevel", level, encoder))
        return _NONE
    properties = envelope.base.get("properties")
    # The OpenCensus handler names the level; a custom one may have a name of its own.
    name = properties.get("level") if isinstance(properties, dict) else None
    return (severity[0], name) if name and isinstance(name, str) else severity


def _stack_text(frames: Any) -> str:
    """Write parsed frames the way Python writes a traceback: the innermost frame last."""
    if not isinstance(frames, list):
        return ""
    lines = [
        f'  File "{as_text(frame.get("fileName"))}", line {as_text(frame.get("line"))}, '
        f"in {as_text(frame.get('method'))}"
        for frame in reversed(frames)
        if isinstance(frame, dict)
    ]
    return "\n".join(lines)


def _record(
    envelope: Envelope,
    attributes: list[bytes],
    body: str,
    severity: tuple[int, str] = _NONE,
    event_name: str = "",
) -> bytes:
    """Encode a LogRecord. Source: opentelemetry/proto/logs/v1/logs.proto."""
    number, text = severity
    parts = [b"\x09", envelope.time]
    if number:
        parts += (b"\x10", varint(number), b"\x1a", block(utf8(text)))
    if body:
        encoded = utf8(body)
        parts += (b"\x2a", block(b"\x0a" + block(encoded)))
    if attributes:
        parts += (b"\x32", b"\x32".join(attributes))
    if envelope.trace_id:
        parts += (b"\x4a\x10", envelope.trace_id)
    if envelope.parent_id:
        parts += (b"\x52\x08", envelope.parent_id)
    if event_name:
        parts += (b"\x62", block(utf8(event_name)))
    return b"".join(parts)
