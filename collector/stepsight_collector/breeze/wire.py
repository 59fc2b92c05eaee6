"""OTLP protobuf, written by hand: attributes, values, blocks.

Values in, bytes out. A protobuf library makes an object of every attribute, about 1 µs each; an
envelope has a dozen, and most of them were in the envelope before. So the bytes of short ones are
remembered for the length of one request.

Source: opentelemetry/proto/common/v1/common.proto.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from stepsight_collector.breeze.dimensions import property_key
from stepsight_collector.wal.record import encode_varint

__all__ = ["AttributeEncoder", "any_value", "as_text", "block", "double", "fixed64", "varint"]

_SHORT = tuple(bytes((n,)) for n in range(128))
_REMEMBERED_CHARS = 80  # longer texts seldom come twice
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_UINT64 = 2**64 - 1
fixed64 = struct.Struct("<Q").pack
double = struct.Struct("<d").pack


def varint(value: int) -> bytes:
    """Encode a number of at least 0."""
    return _SHORT[value] if value < 128 else encode_varint(value)  # noqa: PLR2004 - one byte


def block(payload: bytes) -> bytes:
    """Put the length before a payload."""
    return varint(len(payload)) + payload


def utf8(text: str) -> bytes:
    """Encode text; half a surrogate pair becomes U+FFFD, two halves become their character."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def as_text(value: Any) -> str:
    """Write any JSON value as text: scalars as JSON spells them, null as nothing.

    >>> as_text(True), as_text(None), as_text(["a", 1.5])
    ('true', '', '["a",1.5]')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return str(_finite(value)) if isinstance(value, float) else _json(value)


def _json(value: Any) -> str:
    """Write JSON; what JSON has no number for becomes "NaN", "Infinity" or "-Infinity".

    Raises `RecursionError` for what is nested too deeply.
    """
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value


def any_value(value: Any) -> bytes:
    """Encode a JSON value as an AnyValue, without its length.

    A scalar keeps its kind, null is an unset value, a list or map is JSON text: the store takes
    maps of text, so nothing would be gained by a nested value.
    """
    if isinstance(value, str):
        return b"\x0a" + block(utf8(value))
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int) and _INT_MIN <= value <= _INT_MAX:
        return b"\x18" + encode_varint(value & _UINT64)
    if isinstance(value, float):
        return b"\x21" + double(value)
    return b"\x0a" + block(utf8(_json(value)))


class AttributeEncoder:
    """Encodes attributes (KeyValue with its length before it). One for each request."""

    __slots__ = ("_keys", "_properties", "_texts")

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._texts: dict[tuple[str, str], bytes] = {}
        self._properties: dict[tuple[str, str], bytes] = {}

    def properties(self, properties: dict[str, Any]) -> list[bytes]:
        """Encode custom dimensions."""
        known = self._properties
        return [
            (known.get((name, value)) if type(value) is str else None)
            or self._property(name, value)
            for name, value in properties.items()
        ]

    def text(self, key: str, text: str) -> bytes:
        """Encode an attribute whose value is text."""
        found = self._texts.get((key, text))
        if found is None:
            found = self.value(key, text)
            if len(text) <= _REMEMBERED_CHARS:
                self._texts[key, text] = found
        return found

    def _property(self, name: str, value: Any) -> bytes:
        encoded = self.value(property_key(name), value)
        if type(value) is str and len(value) <= _REMEMBERED_CHARS:
            self._properties[name, value] = encoded
        return encoded

    def value(self, key: str, value: Any) -> bytes:
        """Encode an attribute with any JSON value."""
        head = self._keys.get(key)
        if head is None:
            head = self._keys[key] = b"\x0a" + block(utf8(key)) + b"\x12"
        return block(head + block(any_value(value)))
