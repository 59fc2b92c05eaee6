"""Envelopes that become metrics: each metric one data point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stepsight_collector.breeze.attributes import as_number, raw_field, record_attributes
from stepsight_collector.breeze.errors import ItemError
from stepsight_collector.breeze.fields import METRIC_POINT, RAW_POINT
from stepsight_collector.breeze.wire import as_text, block, double, fixed64, utf8

if TYPE_CHECKING:
    from stepsight_collector.breeze.envelope import Envelope
    from stepsight_collector.breeze.wire import AttributeEncoder

__all__ = ["INTERNAL_SCOPE", "is_internal", "is_resource", "metric_messages"]

# What exporters say about themselves and their resource goes under a scope of its own.
INTERNAL_SCOPE = "stepsight.breeze.internal"
_RESOURCES = frozenset(("_OTELRESOURCE_", "_APPRESOURCEPREVIEW_"))
_SDK_STATS = frozenset(
    f"{prefix}item{separator}{what}{separator}count"
    for prefix, separator in (("", "_"), ("preview.", "."))
    for what in ("success", "dropped", "retry")
)
_KNOWN = frozenset(field.name for field in METRIC_POINT)
_COUNTER = "performanceCounter"
_MAX_COUNT = 2**64 - 1
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


def metric_messages(envelope: Envelope, encoder: AttributeEncoder) -> list[bytes]:
    """Encode one Metric for each metric of an envelope. Raises `ItemError` if there is none.

    Source: opentelemetry/proto/metrics/v1/metrics.proto.
    """
    metrics = envelope.base.get("metrics")
    if not isinstance(metrics, list) or not metrics:
        raise ItemError(
            "Field 'metrics' on type 'MetricData' must be a list with at least one metric, "
            f"found {metrics!r:.60}."
        )
    mark = _COUNTER if _is_counter(envelope.base, metrics[0]) else None
    envelope.attributes.extend(_operation(envelope, encoder))
    common = record_attributes(envelope, encoder, mark)
    return [_metric(metric, common, envelope.time, encoder) for metric in metrics]


def is_internal(base: dict[str, Any]) -> bool:
    """Tell whether an exporter speaks of itself: its counts, or its resource."""
    name = _first_name(base)
    return name in _RESOURCES or name.lower() in _SDK_STATS


def is_resource(base: dict[str, Any]) -> bool:
    """Tell whether the properties are the attributes of the sender's resource."""
    return _first_name(base) in _RESOURCES


def _first_name(base: dict[str, Any]) -> str:
    metrics = base.get("metrics")
    if isinstance(metrics, list) and metrics and isinstance(metrics[0], dict):
        name = metrics[0].get("name")
        return name if isinstance(name, str) else ""
    return ""


def _is_counter(base: dict[str, Any], metric: Any) -> bool:
    r"""Tell whether it belongs to performanceCounters: `\category(instance)\counter`."""
    properties = base.get("properties")
    if isinstance(properties, dict) and as_text(properties.get("CustomPerfCounter")) == "true":
        return True
    return isinstance(metric, dict) and as_text(metric.get("name")).startswith("\\")


def _metric(metric: Any, common: list[bytes], time: bytes, encoder: AttributeEncoder) -> bytes:
    if not isinstance(metric, dict):
        raise ItemError(f"A metric must be a JSON object, found {metric!r:.60}.")
    name = as_text(metric.get("name"))
    attributes = [*common, *_point_attributes(metric, name, encoder)]
    if _is_aggregate(metric):
        data = b"\x4a" + block(_histogram_point(metric, attributes, time, encoder))
    else:
        data = b"\x2a" + block(b"\x0a" + block(_gauge_point(metric, attributes, time)))
    return b"\x0a" + block(utf8(name)) + data


def _point_attributes(metric: dict[str, Any], name: str, encoder: AttributeEncoder) -> list[bytes]:
    attributes = []
    namespace = metric.get("ns")
    if namespace is not None and namespace != name:
        attributes.append(encoder.text("stepsight.metric.namespace", as_text(namespace)))
    attributes += [
        raw_field(key, metric[key], encoder, RAW_POINT)
        for key in sorted(metric.keys() - _KNOWN)
        if metric[key] is not None
    ]
    return attributes


def _operation(envelope: Envelope, encoder: AttributeEncoder) -> list[bytes]:
    """A data point has no fields for ids of an operation; those of another form are there."""
    ids = (("ai.operation.id", envelope.trace_id), ("ai.operation.parentId", envelope.parent_id))
    told = [name for name, _ in ids if any(name.encode() in each for each in envelope.attributes)]
    return [encoder.text(name, raw.hex()) for name, raw in ids if raw and name not in told]


def _is_aggregate(metric: dict[str, Any]) -> bool:
    if metric.get("count") not in (None, 1):
        return True
    return any(metric.get(key) is not None for key in ("min", "max", "stdDev"))


def _gauge_point(metric: dict[str, Any], attributes: list[bytes], time: bytes) -> bytes:
    value = _value(metric)
    parts = [b"\x19", time]
    if value is None:
        parts.append(b"\x40\x01")  # no recorded value: JavaScript writes NaN as null
    elif isinstance(value, int) and _INT_MIN <= value <= _INT_MAX:
        parts += (b"\x31", value.to_bytes(8, "little", signed=True))
    else:
        parts += (b"\x21", _double(value))
    if attributes:
        parts += (b"\x3a", b"\x3a".join(attributes))
    return b"".join(parts)


def _histogram_point(
    metric: dict[str, Any], attributes: list[bytes], time: bytes, encoder: AttributeEncoder
) -> bytes:
    """Encode a Histogram with one point: count, sum, extremes, no buckets, for its interval."""
    count = _count(metric.get("count"))
    if count is None:
        attributes.append(raw_field("count", metric["count"], encoder, RAW_POINT))
    parts = [b"\x19", time, b"\x21", fixed64(1 if count is None else count)]
    total = _value(metric)
    if total is not None:
        parts += (b"\x29", _double(total))
    for key, tag in (("min", b"\x59"), ("max", b"\x61")):
        if metric.get(key) is None:
            continue
        number = as_number(metric[key])
        if number is None:
            attributes.append(raw_field(key, metric[key], encoder, RAW_POINT))
        else:
            parts += (tag, _double(number))
    deviation = metric.get("stdDev")
    if deviation is not None:
        attributes.append(encoder.value("stepsight.metric.std_dev", deviation))
    if attributes:
        parts += (b"\x4a", b"\x4a".join(attributes))
    return b"\x0a" + block(b"".join(parts)) + b"\x10\x01"


def _value(metric: dict[str, Any]) -> float | None:
    value = metric.get("value")
    if value is None:
        return None
    number = as_number(value)
    if number is None:
        raise ItemError(f"Field 'value' on type 'DataPoint' must be a number, found {value!r:.60}.")
    return number


def _count(count: Any) -> int | None:
    """Read a count; a missing one is 1. None for what is no whole number of at least 0."""
    if count is None:
        return 1
    number = as_number(count)
    if number is None or not 0 <= number < _MAX_COUNT:  # False for NaN
        return None
    return int(number) if number == int(number) else None


def _double(value: float) -> bytes:
    try:
        return double(float(value))
    except OverflowError:  # a whole number beyond what a double holds
        return double(math.inf if value > 0 else -math.inf)
