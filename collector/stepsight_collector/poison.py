"""Segments that cannot be stored as a whole: in parts, and what the store refuses is set aside.

Some hold a request that the store refuses, some have grown too large for one insert as their nested
values were rewritten: the engine would run out of memory, again with every new try.

Called by loader.py, on a thread. Found by halving, and each part has a deduplication token that
depends on the segment alone: after a crash the same parts are tried again under the same tokens,
which adds nothing twice. Files: docs/reference/wal-format.md, "Requests that are refused".
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from stepsight_collector.errors import MalformedError
from stepsight_collector.nested import pieces, storable
from stepsight_collector.store import StoreError, StoreRefusedError
from stepsight_collector.wal import Entry, encode_entry, read_entries, repair_segment, replace_file

if TYPE_CHECKING:
    from stepsight_collector.store import Store
    from stepsight_collector.wal import SegmentInfo

__all__ = ["MAX_INSERT_BYTES", "UNREADABLE", "store_the_rest"]

# What reading or rewriting a harmed record or a strange request may raise.
UNREADABLE = (ValueError, DecodeError, RecursionError, MalformedError)
# Rewritten; the engine takes some five times as much memory, and has 1.2 GB.
MAX_INSERT_BYTES = 32 << 20
_log = logging.getLogger("stepsight.loader")


@dataclass(frozen=True, slots=True)
class _Part:
    """A request of the segment or a piece of one; `reason` says why it cannot be stored.

    `size_bytes` is that of its payload, which is made again for each insert: all of them together
    may be six times the segment.
    """

    index: int
    entry: Entry
    size_bytes: int = 0
    reason: str = ""


def store_the_rest(store: Store, segment: SegmentInfo) -> int:
    """Store what the store takes of a segment, set the other requests aside with reasons.

    Returns how many records were not stored. Raises StoreError and OSError when the whole is to
    be tried again.
    """
    whole = repair_segment(segment.path, segment.signal)
    if whole is None:
        return segment.records
    entries = read_entries(whole.path, whole.size_bytes)
    split = (piece for entry in entries for piece in _split(entry))
    parts = [_part(whole, index, piece) for index, piece in enumerate(split)]
    refused = _halve(store, whole, [part for part in parts if not part.reason])
    refused += [part for part in parts if part.reason]
    if refused:
        _check_that_the_store_takes_any(store, whole)
        _set_aside(whole, sorted(refused, key=lambda part: part.index))
    return segment.records - whole.records + sum(part.entry.records for part in refused)


def _split(entry: Entry) -> list[Entry]:
    try:
        return list(pieces(entry))
    except MalformedError:  # _part() says what is wrong with it
        return [entry]


def _part(segment: SegmentInfo, index: int, entry: Entry) -> _Part:
    try:
        size_bytes = len(_payload(segment, entry))
    except UNREADABLE as exc:
        return _Part(index, entry, 0, f"its nested values cannot be rewritten: {exc}")
    return _Part(index, entry, size_bytes)


def _payload(segment: SegmentInfo, entry: Entry) -> bytes:
    return b"".join(encode_entry(storable(segment.signal, entry)))


def _halve(store: Store, segment: SegmentInfo, parts: list[_Part]) -> list[_Part]:
    """Store these parts, by halves where they are refused; returns the ones to blame."""
    if not parts:
        return []
    token = f"{segment.token}/{parts[0].index}-{parts[-1].index}"
    if len(parts) == 1 or sum(part.size_bytes for part in parts) <= MAX_INSERT_BYTES:
        payload = b"".join(_payload(segment, part.entry) for part in parts)
        try:
            store.insert(segment.signal, payload, token)
        except StoreRefusedError as exc:
            if len(parts) == 1:
                return [replace(parts[0], reason=str(exc))]
        else:
            return []
    middle = len(parts) // 2
    return _halve(store, segment, parts[:middle]) + _halve(store, segment, parts[middle:])


def _check_that_the_store_takes_any(store: Store, segment: SegmentInfo) -> None:
    """Insert a request without records: if even that is refused, no request is to blame."""
    empty = b"".join(encode_entry(Entry(b"", segment.first_received_unix_nano)))
    try:
        store.insert(segment.signal, empty, f"{segment.token}/empty")
    except StoreRefusedError as exc:
        raise StoreError(f"the store refuses every request: {exc}") from exc


def _set_aside(segment: SegmentInfo, refused: list[_Part]) -> None:
    """Keep refused requests as records, and say of each what it is and why, in that order."""
    records = segment.path.with_suffix(".refused")
    reasons = segment.path.with_suffix(".refused.jsonl")
    replace_file(records, [buffer for part in refused for buffer in encode_entry(part.entry)])
    replace_file(reasons, [json.dumps(_described(part)).encode() + b"\n" for part in refused])
    _log.error(
        "the store refuses %d requests of %s; they were set aside as %s, the reasons as %s. "
        "The first: %s",
        len(refused),
        segment.path,
        records.name,
        reasons.name,
        refused[0].reason,
    )


def _described(part: _Part) -> dict[str, object]:
    received = datetime.fromtimestamp(part.entry.received_time_unix_nano / 1e9, UTC)
    return {
        "request": part.index,
        "reason": part.reason,
        "project": part.entry.project,
        "client": part.entry.client,
        "received_at": received.isoformat(timespec="milliseconds")[:-6] + "Z",
        "records": part.entry.records,
        "bytes": len(part.entry.request),
    }
