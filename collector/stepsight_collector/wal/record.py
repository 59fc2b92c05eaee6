"""One WAL record: the protobuf message `Ingest`, its checksum and its framing.

Bytes in, bytes out: no files, no telemetry. Format: docs/reference/wal-format.md.
Encoded by hand, because a protobuf library would copy the request two more times.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector import native

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "RecordError", "encode_entry", "encode_varint", "scan_entries"]

_CRC_TAG = 0x0D  # field 1, fixed32
_PROJECT_TAG = 0x12  # field 2, length-delimited
_RECEIVED_TAG = 0x19  # field 3, fixed64
_CLIENT_TAG = 0x22  # field 4, length-delimited
_NESTED_TAG = 0x28  # field 5, varint
_RECORDS_TAG = 0x30  # field 6, varint
_REQUEST_TAG = 0x3A  # field 7, length-delimited
_CRC_FIELD_BYTES = 5
_MAX_LENGTH_VARINT_BYTES = 5  # a record is under 4 GiB
_CONTINUES = 0x80


# Not frozen: that costs half a microsecond for each request. Nothing changes one.
@dataclass(slots=True)
class Entry:
    """What one WAL record holds: one accepted request and where it came from.

    `request` is the OTLP request as protobuf bytes. `nested` says that somewhere in it an
    attribute value or a body is a list or a map. `records` counts log records, spans or metrics.
    """

    request: bytes
    received_time_unix_nano: int
    project: str = "default"
    client: str = ""
    nested: bool = False
    records: int = 0


class RecordError(ValueError):
    """The bytes at an offset are no whole, unharmed record. Does not leave the package.

    `end` is where the record would end by its own length, None when the length is no use.
    """

    def __init__(self, offset: int, reason: str, end: int | None = None) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason
        self.end = end


def encode_varint(value: int) -> bytes:
    """Encode a number of at least 0 as a protobuf varint.

    >>> encode_varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while value >= _CONTINUES:
        out.append(value & 0x7F | _CONTINUES)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_entry(entry: Entry) -> tuple[bytes, bytes]:
    """Frame an entry as two buffers to be written one after the other.

    The second one is `entry.request` itself: large bodies are never copied.
    """
    project, client = entry.project.encode(), entry.client.encode()
    fields = b"".join(
        (
            b"\x12" + encode_varint(len(project)) + project,
            b"\x19" + entry.received_time_unix_nano.to_bytes(8, "little"),
            b"\x22" + encode_varint(len(client)) + client,
            b"\x28\x01" if entry.nested else b"",
            b"\x30" + encode_varint(entry.records),
            b"\x3a" + encode_varint(len(entry.request)),
        )
    )
    crc = native.crc32(entry.request, native.crc32(fields))
    length = _CRC_FIELD_BYTES + len(fields) + len(entry.request)
    head = b"".join((encode_varint(length), b"\x0d", crc.to_bytes(4, "little"), fields))
    return head, entry.request


def scan_entries(data: memoryview, offset: int = 0) -> Iterator[tuple[int, Entry]]:
    """Yield every record of a segment's bytes from `offset` on, with the offset where it ends.

    Raises `RecordError` at the first offset that does not start a whole, unharmed record. Every
    entry yielded before it is exactly as it was written.
    """
    while offset < len(data):
        end, body = _frame_at(data, offset)
        try:
            entry = _decode(body)
        except (IndexError, ValueError) as exc:
            raise RecordError(offset, "record fields cannot be read", end) from exc
        yield end, entry
        offset = end


def _frame_at(data: memoryview, offset: int) -> tuple[int, memoryview]:
    """Return where the record at `offset` ends and the bytes that its checksum covers."""
    try:
        length, start = _read_varint(data, offset)
    except IndexError as exc:
        raise RecordError(offset, "record length is cut off") from exc
    except ValueError as exc:
        raise RecordError(offset, "record length cannot be read") from exc
    if start + length > len(data):
        reason = f"record wants {length} bytes, file has {len(data) - start}"
        raise RecordError(offset, reason)
    if length <= _CRC_FIELD_BYTES or data[start] != _CRC_TAG:
        raise RecordError(offset, "no checksum where a record should start")
    body = data[start + _CRC_FIELD_BYTES : start + length]
    if zlib.crc32(body) != int.from_bytes(data[start + 1 : start + _CRC_FIELD_BYTES], "little"):
        raise RecordError(offset, "checksum does not match", start + length)
    return start + length, body


def _decode(body: memoryview) -> Entry:
    """Read the fields after the checksum. Fields of a later version are an error, not ignored."""
    offset, values = 0, dict[int, int | bytes]()
    while offset < len(body):
        tag = body[offset]
        if tag in (_PROJECT_TAG, _CLIENT_TAG, _REQUEST_TAG):
            length, start = _read_varint(body, offset + 1)
            if start + length > len(body):
                raise ValueError(tag)
            values[tag], offset = bytes(body[start : start + length]), start + length
        elif tag == _RECEIVED_TAG:
            values[tag] = int.from_bytes(body[offset + 1 : offset + 9], "little")
            offset += 9
        elif tag in (_NESTED_TAG, _RECORDS_TAG):
            values[tag], offset = _read_varint(body, offset + 1)
        else:
            raise ValueError(tag)
    return Entry(
        project=bytes(values.get(_PROJECT_TAG, b"")).decode(),
        received_time_unix_nano=int(values.get(_RECEIVED_TAG, 0)),
        client=bytes(values.get(_CLIENT_TAG, b"")).decode(),
        nested=bool(values.get(_NESTED_TAG, 0)),
        records=int(values.get(_RECORDS_TAG, 0)),
        request=bytes(values.get(_REQUEST_TAG, b"")),
    )


def _read_varint(data: memoryview, offset: int) -> tuple[int, int]:
    """Return the number at `offset` and the offset after it."""
    value = 0
    for position in range(_MAX_LENGTH_VARINT_BYTES):
        byte = data[offset + position]
        value |= (byte & 0x7F) << (7 * position)
        if byte < _CONTINUES:
            return value, offset + position + 1
    raise ValueError(offset)
