"""Decide what of an OTLP request is kept: all of it, a part of it, or nothing.

Most requests are valid and within all limits, which the native library sees in one pass. For the
others the rule is check.py's one pass of protobuf's C parser over the whole request. Two kinds of
these are taken apart first (split.py):

* *Large ones.* A parsed record takes up to 90 times its bytes in memory (a span of two bytes takes
  170), so that 64 MiB could take 6 GB. Parts of 1 MiB are parsed one after the other.
* *Those with something wrong in them.* One record with text that is not UTF-8 must not cost the
  other 999: it is left out and reported, as OTLP's partial success has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import sub
from typing import TYPE_CHECKING, Any

from stepsight_collector import native
from stepsight_collector.errors import MalformedError, TooLargeError
from stepsight_collector.receivers.check import MAX_GROUPS, REQUEST_TYPES, check
from stepsight_collector.receivers.split import Part, has_more_elements, split_request

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

    from stepsight_collector.wal import Signal

__all__ = ["Judged", "RecordLimits", "judge"]

_PART_BYTES = 1 << 20
# Each part is parsed with its resource and scope: a resource of 3 MiB with 65,536 scopes would take
# minutes. So much takes half a second.
_MAX_HEADS_BYTES = 256 << 20
# Finding one bad record among 1,000 takes about 20; what has many is refused in larger pieces.
_MAX_SEARCHES = 400
_NOT_KEPT = "It was not kept; do not send it again."


@dataclass(frozen=True, slots=True)
class RecordLimits:
    """Limits on what a request holds; all inclusive.

    `max_elements` is the length of any list in a record: attributes, events, links, data points,
    values of a nested list. One lower than half the size of a request costs a loop over its
    records.
    """

    max_records: int = 1_000_000
    max_record_bytes: int = 4 << 20
    max_elements: int = 262_144


@dataclass(slots=True)  # not frozen, as Entry
class Judged:
    """What is kept: `body`, with so many records. `rejected` were left out, first for `reason`."""

    body: bytes
    records: int
    nested: bool
    rejected: int = 0
    reason: str = ""


def judge(signal: Signal, body: bytes, limits: RecordLimits | None = None) -> Judged:
    """Decide on a request.

    Raises `MalformedError` if nothing of it can be kept, `TooLargeError` if it has too many
    records. Takes memory of about 90 MiB at most, beside the body. Thread-safe.
    """
    limits = limits or RecordLimits()
    # What is no longer than twice its elements cannot have more of them.
    records = native.check(signal, body, min(limits.max_record_bytes, 2 * limits.max_elements))
    if records is not None:
        if records > limits.max_records:
            raise _too_many(limits)
        return Judged(body, records, nested=False)
    if len(body) <= min(_PART_BYTES, limits.max_record_bytes, 2 * limits.max_elements):
        try:
            checked = check(signal, body)
        except MalformedError as exc:
            return _judge_parts(signal, body, limits, exc)
        if checked.records > limits.max_records:
            raise _too_many(limits)
        return Judged(body, checked.records, checked.nested)
    return _judge_parts(signal, body, limits, None)


def _judge_parts(
    signal: Signal, body: bytes, limits: RecordLimits, error: MalformedError | None
) -> Judged:
    """Judge part by part; `error` is what the whole was found to have."""
    jury = _Jury(signal, limits)
    try:
        for part in split_request(body, _PART_BYTES, limits.max_records):
            jury.add(part)
    except TooLargeError:
        raise
    except MalformedError as exc:
        raise error or exc from exc
    if jury.error is None:
        if error is not None:  # it is in no record and no head
            raise error
        return Judged(body, jury.records, jury.nested)
    if not jury.records:
        raise jury.error
    reason = str(jury.error)
    kept = b"".join(part.encode() for part in jury.kept)
    return Judged(kept, jury.records, jury.nested, jury.rejected, reason)


class _Jury:
    """Judges the parts of one request and gathers what is kept. `error` is the first one found."""

    def __init__(self, signal: Signal, limits: RecordLimits) -> None:
        self.kept: list[Part] = []
        self.records = self.rejected = 0
        self.nested = False
        self.error: MalformedError | None = None
        self._signal = signal
        self._limits = limits
        self._groups = 0
        self._searched = 0
        self._heads_bytes = 0
        self._record_type = _record_type(signal)

    def add(self, part: Part) -> None:
        """Judge one part. Raises `TooLargeError` once the request has too much."""
        self._groups += 1
        has_too_many = self.records + self.rejected + len(part) > self._limits.max_records
        if has_too_many or self._groups > MAX_GROUPS:
            raise _too_many(self._limits)
        self._heads_bytes += part.head_bytes
        if self._heads_bytes > _MAX_HEADS_BYTES:
            raise TooLargeError(
                f"The request's resources, each counted once for every scope in it, have more than "
                f"{_MAX_HEADS_BYTES} bytes. Send it in smaller parts."
            )
        if part.head_bytes > self._limits.max_record_bytes:
            what = f"A resource or scope has more than {self._limits.max_record_bytes} bytes."
            self._reject(len(part), TooLargeError(f"{what} {_NOT_KEPT}"))
            return
        self._check(self._within_limits(part))

    def _within_limits(self, part: Part) -> Part:
        """Reject the records that are over a limit; return the others."""
        limits = self._limits
        look_from = min(limits.max_record_bytes, 2 * limits.max_elements)
        ends, starts = part.places[2::3], part.places[1::3]
        if not ends or max(map(sub, ends, starts)) <= look_from:
            return part
        over = set()
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            if end - start > limits.max_record_bytes:
                what = f"{end - start} bytes, the limit is {limits.max_record_bytes}."
            elif has_more_elements(self._record_type, part.body, limits.max_elements, start, end):
                what = f"more than {limits.max_elements} attributes, events, points or list values."
            else:
                continue
            over.add(number)
            self._reject(1, TooLargeError(f"A record has {what} {_NOT_KEPT}"))
        return part.without(over)

    def _check(self, part: Part) -> None:
        """Parse a part; if something is wrong with it, look for the records at fault."""
        try:
            checked = check(self._signal, part.encode())
        except MalformedError as exc:
            self._searched += 1
            if len(part) <= 1 or self._searched > _MAX_SEARCHES:
                self._reject(len(part), exc)
                return
            half = len(part) // 2
            self._check(part.only(0, half))
            self._check(part.only(half, len(part)))
            return
        self.records += checked.records
        self.nested = self.nested or checked.nested
        self.kept.append(part)

    def _reject(self, records: int, error: MalformedError) -> None:
        self.rejected += records
        self.error = self.error or error


def _record_type(signal: Signal) -> Descriptor:
    """Return the descriptor of a log record, span or metric."""
    message: Any = REQUEST_TYPES[signal].DESCRIPTOR
    for number in (1, 2, 2):
        message = message.fields_by_number[number].message_type
    record: Descriptor = message
    return record


def _too_many(limits: RecordLimits) -> TooLargeError:
    return TooLargeError(
        f"The request has more than {limits.max_records} records or {MAX_GROUPS} resources and "
        "scopes. Send it in smaller parts, or raise STEPSIGHT_MAX_REQUEST_RECORDS."
    )
