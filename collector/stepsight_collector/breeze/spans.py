"""Envelopes that become spans: requests and dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.breeze.attributes import as_truth, raw_field, record_attributes
from stepsight_collector.breeze.fields import ITEM_ID
from stepsight_collector.breeze.times import duration_nano
from stepsight_collector.breeze.wire import as_text, block, fixed64, utf8

if TYPE_CHECKING:
    from stepsight_collector.breeze.envelope import Envelope, EnvelopeReader
    from stepsight_collector.breeze.wire import AttributeEncoder

__all__ = ["dependency_span", "request_span"]

_INTERNAL, _SERVER, _CLIENT, _PRODUCER = b"\x30\x01", b"\x30\x02", b"\x30\x03", b"\x30\x04"
_STATUS_ERROR = b"\x7a\x02\x18\x02"
_MAX_UINT64 = 2**64 - 1


def request_span(envelope: Envelope, encoder: AttributeEncoder, reader: EnvelopeReader) -> bytes:
    """A request row. The wire does not tell server spans from consumers."""
    return _span(envelope, encoder, reader, _SERVER)


def dependency_span(envelope: Envelope, encoder: AttributeEncoder, reader: EnvelopeReader) -> bytes:
    """A dependency row. Type `InProc` is work within the process, a queue message is sent."""
    kind = as_text(envelope.base.get("type")).lower()
    if kind.startswith("inproc"):
        return _span(envelope, encoder, reader, _INTERNAL)
    is_sent = kind.startswith("queue message")
    return _span(envelope, encoder, reader, _PRODUCER if is_sent else _CLIENT)


def _span(
    envelope: Envelope, encoder: AttributeEncoder, reader: EnvelopeReader, kind: bytes
) -> bytes:
    """Encode a Span. Source: opentelemetry/proto/trace/v1/trace.proto."""
    base = envelope.base
    attributes = record_attributes(envelope, encoder)
    item_id = as_text(base.get("id"))
    span_id, is_exact = reader.span_id(item_id)
    if not is_exact:
        attributes.append(encoder.text(ITEM_ID, item_id))
    # OpenCensus has no name for a request without a method: the operation has one.
    name = as_text(base.get("name")) or envelope.operation_name or item_id
    parts = [b"\x0a\x10", envelope.trace_id] if envelope.trace_id else []
    if span_id:
        parts += (b"\x12\x08", span_id)
    if envelope.parent_id:
        parts += (b"\x22\x08", envelope.parent_id)
    parts += (b"\x2a", block(utf8(name)), kind, b"\x39", envelope.time)
    parts += (b"\x41", _end(envelope, encoder, attributes))
    is_success = _success(envelope, encoder, attributes)
    if attributes:
        parts += (b"\x4a", b"\x4a".join(attributes))
    if not is_success:
        parts.append(_STATUS_ERROR)
    return b"".join(parts)


def _end(envelope: Envelope, encoder: AttributeEncoder, attributes: list[bytes]) -> bytes:
    """Return the end as 8 bytes: start and duration."""
    duration = envelope.base.get("duration")
    nano = duration_nano(duration)
    if nano is None:
        nano = 0
        if duration is not None:
            attributes.append(raw_field("duration", duration, encoder))
    return fixed64(min(int.from_bytes(envelope.time, "little") + nano, _MAX_UINT64))


def _success(envelope: Envelope, encoder: AttributeEncoder, attributes: list[bytes]) -> bool:
    """Tell whether it went well; what says nothing does not make it an error."""
    success = envelope.base.get("success")
    truth = None if success is None else as_truth(success)
    if truth is None:
        if success is not None:
            attributes.append(raw_field("success", success, encoder))
        return True
    return truth
