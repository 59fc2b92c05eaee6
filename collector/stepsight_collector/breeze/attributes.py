"""Attributes of a record from the fields, the properties and the measurements of its base data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepsight_collector.breeze.dimensions import unfold
from stepsight_collector.breeze.fields import BASES, ITEM_TYPE, ITEM_TYPES, RAW_FIELD, Field
from stepsight_collector.breeze.times import duration_nano
from stepsight_collector.breeze.wire import as_text

if TYPE_CHECKING:
    from stepsight_collector.breeze.envelope import Envelope
    from stepsight_collector.breeze.wire import AttributeEncoder

__all__ = ["as_number", "as_truth", "encode_field", "raw_field", "record_attributes"]

_MS = 1e6
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}
_NAMES = {base: frozenset(field.name for field in fields) for base, fields in BASES.items()}
_ENCODED = {
    base: tuple(field for field in fields if field.kind != "own") for base, fields in BASES.items()
}


def record_attributes(
    envelope: Envelope, encoder: AttributeEncoder, mark: str | None = None
) -> list[bytes]:
    """Encode everything of an envelope that is an attribute, whatever its base type.

    `mark` is the item type if it is not the usual one of the base type.
    """
    base, base_type = envelope.base, envelope.base_type
    encoded = envelope.attributes
    mark = mark or ITEM_TYPES.get(base_type)
    if mark:
        encoded.append(encoder.text(ITEM_TYPE, mark))
    for field in _ENCODED[base_type]:
        value = base.get(field.name)
        if value is not None and value != {}:
            encoded.append(encode_field(field, value, encoder, RAW_FIELD))
    if not base.keys() <= _NAMES[base_type]:
        encoded += [
            raw_field(name, base[name], encoder) for name in sorted(base.keys() - _NAMES[base_type])
        ]
    properties = base.get("properties")
    if isinstance(properties, dict):
        _add_properties(properties, encoder, encoded)
    elif properties is not None:
        encoded.append(raw_field("properties", properties, encoder))
    return encoded


def _add_properties(
    properties: dict[str, Any], encoder: AttributeEncoder, encoded: list[bytes]
) -> None:
    if "custom_dimensions" in properties:
        properties = unfold(properties)
    encoded += encoder.properties(properties)


def raw_field(name: str, value: Any, encoder: AttributeEncoder, prefix: str = RAW_FIELD) -> bytes:
    """Keep a field that has no place, or not the form that its place wants."""
    return encoder.value(prefix + name, value)


def encode_field(field: Field, value: Any, encoder: AttributeEncoder, raw_prefix: str) -> bytes:
    """Encode a field as the attribute that its row names."""
    target = field.target.partition(",")[0]
    if field.kind == "text":
        return encoder.text(target, as_text(value))
    if field.kind == "json":
        if isinstance(value, dict):
            return encoder.text(target, as_text(value))
        return raw_field(field.name, value, encoder, raw_prefix)
    converted: float | bool | None = None
    if field.kind == "ms":
        nano = duration_nano(value)
        converted = None if nano is None else nano / _MS
    elif field.kind == "truth":
        converted = as_truth(value)
    elif field.kind == "number":
        converted = as_number(value)
    if converted is None:
        return raw_field(field.name, value, encoder, raw_prefix)
    return encoder.value(target, converted)


def as_truth(value: Any) -> bool | None:
    """Read a bool, also as a word or as 0 and 1; None for anything else."""
    return _TRUTHS.get(as_text(value).strip().lower())


def as_number(value: Any) -> float | None:
    """Read a number, also as text; None for anything else. A whole number stays one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None
