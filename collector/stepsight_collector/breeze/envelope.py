"""One envelope: what all base types have in common, read and checked.

JSON values in, an `Envelope` out. Knows tags and sampling, not what the base types hold.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from stepsight_collector.breeze.errors import ItemError
from stepsight_collector.breeze.fields import (
    ENVELOPE,
    ITEM_COUNT,
    RAW_ENVELOPE,
    RAW_TAG,
    RESOURCE_TAGS,
    SAMPLE_RATE,
)
from stepsight_collector.breeze.ids import span_id, trace_id
from stepsight_collector.breeze.times import TimeReader
from stepsight_collector.breeze.wire import AttributeEncoder, as_text, fixed64

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.breeze.ids import Id

__all__ = ["Envelope", "EnvelopeReader", "is_statsbeat"]

_KNOWN = frozenset(field.name for field in ENVELOPE)
_FULL = 100.0


class Envelope(NamedTuple):
    """An envelope with its tags read. `attributes` are encoded already: record tags, sampling.

    `time` is 8 bytes of nanoseconds since 1970, zeros if it is not told; the store then takes the
    time of receipt. `process` are the tags of the process, in the order in which they came.
    """

    ikey: str
    time: bytes
    process: tuple[tuple[str, str], ...]
    trace_id: bytes
    parent_id: bytes
    operation_name: str
    base_type: str
    base: dict[str, Any]
    attributes: list[bytes]


def is_statsbeat(item: Any) -> bool:
    """Tell whether an item is what a client counts about itself for its maker."""
    return isinstance(item, dict) and item.get("name") == "Statsbeat"


class EnvelopeReader:
    """Reads the envelopes of one request. Remembers ids and seconds: they come again."""

    def __init__(self, encoder: AttributeEncoder) -> None:
        self.encoder = encoder
        self.times = TimeReader()
        self._traces: dict[str, Id] = {}
        self._spans: dict[str, Id] = {}

    def read(self, item: Any) -> Envelope:
        """Read one item. Raises `ItemError` if it is no envelope."""
        base_type, base = _data(item)
        attributes: list[bytes] = []
        nano = self.times.unix_nano(item.get("time"))
        if nano is None and item.get("time"):
            attributes.append(self.encoder.value(RAW_ENVELOPE + "time", item["time"]))
        tags = item.get("tags")
        if isinstance(tags, dict):
            process, operation, parent, name = self._tags(tags, attributes)
        else:
            process, operation, parent, name = (), b"", b"", ""
            if tags is not None:
                attributes.append(self.encoder.value(RAW_ENVELOPE + "tags", tags))
        if item.get("sampleRate", _FULL) != _FULL:
            attributes += self._sampling(item["sampleRate"])
        for key in sorted(item.keys() - _KNOWN):
            attributes.append(self.encoder.value(RAW_ENVELOPE + key, item[key]))
        return Envelope(
            as_text(item.get("iKey")),
            fixed64(nano or 0),
            process,
            operation,
            parent,
            name,
            base_type,
            base,
            attributes,
        )

    def id_of(self, text: str, read: Callable[[str], Id], known: dict[str, Id]) -> Id:
        """Read an id once for all envelopes that have it."""
        found = known.get(text)
        if found is None:
            found = known[text] = read(text)
        return found

    def span_id(self, text: str) -> Id:
        """Read a span's id."""
        return self.id_of(text, span_id, self._spans)

    def _tags(
        self, tags: dict[str, Any], attributes: list[bytes]
    ) -> tuple[tuple[tuple[str, str], ...], bytes, bytes, str]:
        """Split tags into those of the process and those of the record."""
        process: list[tuple[str, str]] = []
        operation = parent = b""
        name = ""
        for tag, value in tags.items():
            text = value if type(value) is str else as_text(value)
            if tag in RESOURCE_TAGS:
                process.append((tag, text))
                continue
            is_exact = False
            if tag == "ai.operation.id":
                operation, is_exact = self.id_of(text, trace_id, self._traces)
            elif tag == "ai.operation.parentId":
                parent, is_exact = self.span_id(text)
            elif tag == "ai.operation.name":
                name = text
            if not is_exact:
                key = tag if tag.startswith("ai.") else RAW_TAG + tag
                attributes.append(self.encoder.text(key, text))
        return tuple(process), operation, parent, name

    def _sampling(self, rate: Any) -> list[bytes]:
        """Say for how many items this one stands."""
        try:
            percent = float(rate)
        except (OverflowError, TypeError, ValueError):
            percent = math.nan
        if isinstance(rate, bool) or not 0 < percent < _FULL:
            if percent == _FULL or rate is None:
                return []
            return [self.encoder.value(RAW_ENVELOPE + "sampleRate", rate)]
        count = min(round(_FULL / percent), 2**31 - 1) if percent > 1e-9 else 2**31 - 1  # noqa: PLR2004
        return [
            self.encoder.value(ITEM_COUNT, count),
            self.encoder.value(SAMPLE_RATE, percent),
        ]


def _data(item: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(item, ItemError):
        raise item
    if not isinstance(item, dict):
        raise ItemError(f"An item must be an envelope, a JSON object; this one is {item!r:.60}.")
    data = item.get("data")
    if not isinstance(data, dict):
        raise _missing("data", "Envelope", "object", data)
    base_type, base = data.get("baseType"), data.get("baseData")
    if not isinstance(base_type, str) or not base_type:
        raise _missing("baseType", "Data", "text", base_type)
    if not isinstance(base, dict):
        raise _missing("baseData", "Data", "object", base)
    return base_type, base


def _missing(field: str, of: str, kind: str, found: Any) -> ItemError:
    return ItemError(
        f"Field '{field}' on type '{of}' is required and must be {kind}, found {found!r:.60}."
    )
