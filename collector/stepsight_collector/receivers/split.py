"""Take an OTLP request apart into small requests that mean the same.

Bytes in, bytes out; knows framing and nothing of values. A record is a log record, a span or a
metric, whose place is the same in all signals: request → resource (field 1) → scope (field 2) →
record (field 2). Everything else of a resource or scope is its head, and each part carries it.

A loop over records in Python, about 0.5 µs each: for requests that are large, or have something
wrong (judge.py), not for every one.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from google.protobuf.descriptor import FieldDescriptor

from stepsight_collector.errors import MalformedError, TooLargeError
from stepsight_collector.wal.record import encode_varint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor

__all__ = ["Part", "has_more_elements", "split_request"]

_RESOURCE, _INSIDE = 1, 2  # field numbers: in the request; in a resource and in a scope
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ONE_BYTE = 0x80  # a varint below this is one byte
_MAX_VARINT_BYTES = 10


@dataclass(frozen=True, slots=True)
class Part:
    """Some records of one scope, with the heads of their resource and scope.

    `places` has three numbers a record: where its field, its value and its end are in `body`.
    Numbers rather than objects: a hostile body has a record every two bytes.
    """

    body: bytes
    resource: bytes
    scope: bytes
    places: array[int]

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.places) // 3

    @property
    def head_bytes(self) -> int:
        """Return the size of everything but the records."""
        return len(self.resource) + len(self.scope)

    def only(self, first: int, end: int) -> Part:
        """Return the part with some of its records, from `first` to before `end`."""
        return Part(self.body, self.resource, self.scope, self.places[3 * first : 3 * end])

    def without(self, numbers: set[int]) -> Part:
        """Return the part without the records of these numbers."""
        kept = (index for index in range(len(self)) if index not in numbers)
        places = (place for index in kept for place in self.places[3 * index : 3 * index + 3])
        return Part(self.body, self.resource, self.scope, array("Q", places))

    def encode(self) -> bytes:
        """Return the part as a request."""
        scope = b"".join((self.scope, *self._runs()))
        tag = bytes((_INSIDE << 3 | _BYTES,))
        resource = b"".join((self.resource, tag, encode_varint(len(scope)), scope))
        return bytes((_RESOURCE << 3 | _BYTES,)) + encode_varint(len(resource)) + resource

    def _runs(self) -> Iterator[bytes]:
        """Yield the records' fields; those that follow each other at once."""
        starts, ends = self.places[0::3], self.places[2::3]
        begin = 0
        for index in range(1, len(starts)):
            if starts[index] != ends[index - 1]:
                yield self.body[starts[begin] : ends[index - 1]]
                begin = index
        if starts:
            yield self.body[starts[begin] : ends[-1]]


def split_request(body: bytes, max_part_bytes: int, max_records: int) -> Iterator[Part]:
    """Yield the records of a request in order, in parts of about `max_part_bytes` of records.

    A scope without records, or a resource without scopes, is a part without records.
    Raises `MalformedError` where the framing ends too early or is none, `TooLargeError` if a
    scope alone has more than `max_records`, or a resource so many scopes.
    """
    for number, kind, _, start, end in _fields(body, 0, len(body)):
        if number != _RESOURCE or kind != _BYTES:
            continue
        resource, scopes = _take_apart(body, start, end, max_records)
        for at in range(0, len(scopes), 3) if scopes else (None,):
            place = (end, end) if at is None else (scopes[at + 1], scopes[at + 2])
            scope, records = _take_apart(body, *place, max_records)
            whole = Part(body, resource, scope, records)
            for first, last in _groups(records, max_part_bytes):
                yield whole.only(first, last)


def has_more_elements(
    message: Descriptor, data: bytes, limit: int, start: int = 0, end: int | None = None
) -> bool:
    """Tell whether any list in a message has more than `limit` elements.

    Elements are attributes, events, links, points, values of lists and maps. A message with less
    than two bytes an element cannot have so many and is not looked into.
    """
    end = len(data) if end is None else end
    if end - start <= 2 * limit:
        return False
    lists, inside = _shape(message)
    counts = dict.fromkeys(lists, 0)
    for number, kind, _, value_start, value_end in _fields(data, start, end):
        if kind != _BYTES or number not in inside:
            continue
        if number in lists:
            counts[number] += 1
            if counts[number] > limit:
                return True
        if has_more_elements(inside[number], data, limit, value_start, value_end):
            return True
    return False


@cache
def _shape(message: Descriptor) -> tuple[frozenset[int], dict[int, Descriptor]]:
    """Return which fields of a message are lists of messages, and the types of all messages."""
    inside = {
        field.number: field.message_type
        for field in message.fields
        if field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type is not None
    }
    lists = (field.number for field in message.fields if field.is_repeated)
    return frozenset(number for number in lists if number in inside), inside


def _take_apart(data: bytes, start: int, end: int, most: int) -> tuple[bytes, array[int]]:
    """Separate what repeats (field 2) from the rest of a resource or scope, its head."""
    head: list[bytes] = []
    inside = array("Q")
    for number, kind, at, value_start, value_end in _fields(data, start, end):
        if number == _INSIDE and kind == _BYTES:
            inside.extend((at, value_start, value_end))
            if len(inside) > 3 * most:
                raise TooLargeError(
                    f"The request has more than {most} records. "
                    "Send it in smaller parts, or raise STEPSIGHT_MAX_REQUEST_RECORDS."
                )
        else:
            head.append(data[at:value_end])
    return b"".join(head), inside


def _groups(places: array[int], max_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield runs of records of at least one record and about `max_bytes`; once if none is there."""
    first = 0
    size = 0
    for index in range(len(places) // 3):
        size += places[3 * index + 2] - places[3 * index]
        if size >= max_bytes:
            yield first, index + 1
            first, size = index + 1, 0
    if 3 * first < len(places) or not places:
        yield first, len(places) // 3


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield number, wire type, start, start of the value and end of each field."""
    try:
        while at < end:
            start = at
            key = data[at]
            at += 1
            if key >= _ONE_BYTE:
                key, at = _varint(data, start)
            kind = key & 7
            value = at
            if kind == _BYTES:
                size = data[at]
                at += 1
                if size >= _ONE_BYTE:
                    size, at = _varint(data, at - 1)
                value, at = at, at + size
            elif kind == _VARINT:
                _, at = _varint(data, at)
            elif kind in {_FIXED32, _FIXED64}:
                at += 4 if kind == _FIXED32 else 8
            else:
                raise _unframed(start, "a group, which OTLP does not have")
            if at > end:
                raise _unframed(start, "a field that is longer than what it stands in")
            yield key >> 3, kind, start, value, at
    except IndexError as exc:
        raise _unframed(at, "an end in the middle of a field") from exc


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint and where it ends."""
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < _ONE_BYTE:
            return value, at + index + 1
    raise _unframed(at, "a number of more than ten bytes")


def _unframed(at: int, what: str) -> MalformedError:
    return MalformedError(
        f"The body is not protobuf: byte {at} begins {what}. It was not kept; do not send it again."
    )
