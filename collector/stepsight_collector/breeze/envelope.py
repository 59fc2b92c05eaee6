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
    from stepsight_collector.breeze.ids import Id

__all__ = ["Envelope", "EnvelopeReader", "is_statsbeat"]

_KNOWN = frozenset(field.name for field in ENVELOPE)
_OPERATION, _PARENT = "ai.operation.id", "ai.operation.parentId"
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


class _Tags(NamedTuple):
    """Tags but for the ids of the operation, read."""

    process: tuple[tuple[str, str], ...]
    operation_name: str
    attributes: tuple[bytes, ...]


_NO_TAGS = _Tags((), "", ())


def is_statsbeat(item: Any) -> bool:
    """Tell whether an item is what a client counts about itself for its maker."""
    return isinstance(item, dict) and item.get("name") == "Statsbeat"


class EnvelopeReader:
    """Reads the envelopes of one request. Remembers ids and seconds: they come again."""

    def __init__(self, encoder: AttributeEncoder) -> None:
        self.encoder = encoder
        self.times = TimeReader()
        self._tags: dict[tuple[tuple[str, Any], ...], _Tags] = {}
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
            operation, parent = self._operation(tags, attributes)
            rest = self._rest(tags)
            attributes += rest.attributes
        else:
            operation, parent, rest = b"", b"", _NO_TAGS
            if tags is not None:
                attributes.append(self.encoder.value(RAW_ENVELOPE + "tags", tags))
        if item.get("sampleRate", _FULL) != _FULL:
            attributes += self._sampling(item["sampleRate"])
        if not item.keys() <= _KNOWN:
            attributes += [
                self.encoder.value(RAW_ENVELOPE + key, item[key])
                for key in sorted(item.keys() - _KNOWN)
            ]
        return Envelope(
            as_text(item.get("iKey")),
            fixed64(nano or 0),
            rest.process,
            operation,
            parent,
            rest.operation_name,
            base_type,
            base,
            attributes,
        )

    def span_id(self, text: str) -> Id:
        """Read a span's id, once for all envelopes that have it."""
        found = self._spans.get(text)
        if found is None:
            found = self._spans[text] = span_id(text)
        return found

    def _trace_id(self, text: str) -> Id:
        found = self._traces.get(text)
        if found is None:
            found = self._traces[text] = trace_id(text)
        return found

    def _operation(self, tags: dict[str, Any], attributes: list[bytes]) -> tuple[bytes, bytes]:
        """Take the ids out of the tags; an id that OTLP cannot hold stays an attribute."""
        operation, parent = as_text(tags.pop(_OPERATION, "")), as_text(tags.pop(_PARENT, ""))
        trace, is_exact = self._trace_id(operation)
        if not is_exact:
            attributes.append(self.encoder.text(_OPERATION, operation))
        span, is_exact = self.span_id(parent)
        if not is_exact:
            attributes.append(self.encoder.text(_PARENT, parent))
        return trace, span

    def _rest(self, tags: dict[str, Any]) -> _Tags:
        """Read the tags without the ids: those of a process are the same in most envelopes."""
        key = tuple(tags.items())
        try:
            found = self._tags.get(key)
        except TypeError:  # a list or an object: as text it can be looked up
            return self._rest({tag: as_text(value) for tag, value in key})
        if found is None:
            found = self._tags[key] = self._split(tags)
        return found

    def _split(self, tags: dict[str, Any]) -> _Tags:
        """Split tags into those of the process and those of the record."""
        texts = {tag: as_text(value) for tag, value in tags.items()}
        process = tuple((tag, text) for tag, text in texts.items() if tag in RESOURCE_TAGS)
        attributes = tuple(
            self.encoder.text(tag if tag.startswith("ai.") else RAW_TAG + tag, text)
            for tag, text in texts.items()
            if tag not in RESOURCE_TAGS
        )
        return _Tags(process, texts.get("ai.operation.name", ""), attributes)

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
