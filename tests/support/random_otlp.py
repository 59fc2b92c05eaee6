"""Export requests of logs and spans by chance, with all that is odd in them."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

from stepsight_collector.receivers.check import REQUEST_TYPES

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from stepsight_collector.wal import Signal

KEYS = (
    "parent_run_id", "step_id", "step_name", "experiment_name", "service.name", "loss", "",
    "code.line.number", "größe", "k" * 130, "host.name", "exception.message",
)  # fmt: skip
NOW_NANO = 1_790_000_000_000_000_000
LAST_NANO = 2**63 - 1


def random_request(rng: random.Random, signal: Signal, records: int = 8) -> Any:
    """A request of some resources and scopes; those of nested values have to be left out."""
    request: Any = REQUEST_TYPES[signal]()
    for _ in range(rng.choice((1, 1, 2, 3))):
        if signal == "logs":
            resource, scopes = (each := request.resource_logs.add()), each.scope_logs
        else:
            resource, scopes = (each := request.resource_spans.add()), each.scope_spans
        if rng.random() < 0.9:
            attributes(rng, resource.resource)
            resource.resource.dropped_attributes_count = maybe(rng, u32)
            resource.schema_url = text(rng)
        for _ in range(rng.choice((0, 1, 1, 2))):
            scope = scopes.add()
            if rng.random() < 0.9:
                scope.scope.name, scope.scope.version = text(rng), text(rng)
                attributes(rng, scope.scope)
                scope.scope.dropped_attributes_count = maybe(rng, u32)
                scope.schema_url = text(rng)
            for _ in range(rng.randint(0, records)):
                if signal == "logs":
                    fill_log(rng, scope.log_records.add())
                else:
                    fill_span(rng, scope.spans.add())
    return request


def fill_log(rng: random.Random, record: Any) -> None:
    attributes(rng, record)
    if rng.random() < 0.1:
        return
    record.time_unix_nano = time(rng)
    record.observed_time_unix_nano = time(rng)
    record.severity_number = rng.choice((0, 1, 9, 24, 255, 256, -1, 2**31 - 1, -(2**31)))
    record.severity_text = rng.choice(("INFO", "", text(rng)))
    if rng.random() < 0.9:
        value(rng, record.body)
    record.dropped_attributes_count = maybe(rng, u32)
    record.flags = maybe(rng, u32)
    record.trace_id, record.span_id = identifier(rng), identifier(rng)
    record.event_name = rng.choice(("", "", "stepsight.step.start", text(rng)))


def fill_span(rng: random.Random, span: Any) -> None:
    attributes(rng, span)
    if rng.random() < 0.1:
        return
    span.trace_id, span.span_id = identifier(rng), identifier(rng)
    span.parent_span_id, span.trace_state = identifier(rng), text(rng)
    span.name, span.flags = text(rng), maybe(rng, u32)
    span.kind = rng.randint(0, 5)
    span.start_time_unix_nano, span.end_time_unix_nano = time(rng), time(rng)
    span.dropped_attributes_count = maybe(rng, u32)
    span.dropped_events_count = maybe(rng, u32)
    span.dropped_links_count = maybe(rng, u32)
    if rng.random() < 0.7:
        span.status.message, span.status.code = text(rng), rng.randint(0, 2)
    for _ in range(rng.choice((0, 0, 1, 3))):
        event = span.events.add(time_unix_nano=time(rng), name=text(rng))
        event.dropped_attributes_count = maybe(rng, u32)
        attributes(rng, event)
    for _ in range(rng.choice((0, 0, 1, 2))):
        link = span.links.add(trace_id=identifier(rng), span_id=identifier(rng))
        link.trace_state, link.flags = text(rng), maybe(rng, u32)
        link.dropped_attributes_count = maybe(rng, u32)
        attributes(rng, link)


def attributes(rng: random.Random, owner: Any) -> None:
    """Add some, usually of the same keys in the same order, sometimes the same key twice."""
    keys = KEYS[: rng.randint(0, 6)] if rng.random() < 0.5 else rng.choices(KEYS, k=4)
    for key in keys:
        attribute = owner.attributes.add(key=key)
        # Names that are no texts are left to the views, and with them the whole segment.
        if key in {"step_name", "experiment_name", "service.name"}:
            attribute.value.string_value = text(rng)
        elif rng.random() < 0.95:
            value(rng, attribute.value)


def value(rng: random.Random, any_value: Any) -> None:
    kind = rng.randrange(7)
    if kind <= 1:
        any_value.string_value = text(rng)
    elif kind == 2:
        bits = rng.randrange(64)
        any_value.int_value = rng.randint(-(2**bits), 2**bits - 1)
    elif kind == 3:
        any_value.double_value = double(rng)
    elif kind == 4:
        any_value.bool_value = rng.random() < 0.5
    elif kind == 5:
        any_value.bytes_value = rng.randbytes(rng.choice((0, 1, 2, 3, 127, 128, 300)))


def double(rng: random.Random) -> float:
    """Any bits at all, or a number that a person may write, or one at an edge."""
    kind = rng.randrange(5)
    if kind == 0:
        [number] = struct.unpack("<d", rng.randbytes(8))
        return float(number)
    if kind == 1:
        return round(rng.uniform(-1000, 1000), rng.randint(0, 12))
    if kind == 2:
        return float(f"{rng.choice((1, -1, 3, 1.5, 9.999999999999999))}e{rng.randint(-324, 308)}")
    if kind == 3:
        return rng.choice((0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 2.0**63, 2.0**53 + 2))
    return math.ldexp(rng.choice((1.0, -1.0, 1.0000000000000002)), rng.randint(-1074, 1023))


def text(rng: random.Random) -> str:
    kind = rng.randrange(12)
    if kind == 0:
        return ""
    if kind == 1:
        return "x" * rng.choice((126, 127, 128, 129, 255, 256, 16_383, 16_384))
    if kind == 2:
        return "".join(rng.choices("aé€😀\x00\n\t'\"\\", k=rng.randint(1, 80)))
    return f"text {rng.randrange(5)}"


def identifier(rng: random.Random) -> bytes:
    return rng.choice((b"", rng.randbytes(8), rng.randbytes(16), rng.randbytes(rng.randrange(40))))


def time(rng: random.Random) -> int:
    near = NOW_NANO + rng.randrange(10**12)
    return rng.choice((0, near, near, near, 1, LAST_NANO, LAST_NANO + 1, 2**64 - 1))


def u32(rng: random.Random) -> int:
    return rng.choice((1, 127, 128, 2**31, 2**32 - 1))


def maybe(rng: random.Random, number: Callable[[random.Random], int]) -> int:
    return number(rng) if rng.random() < 0.3 else 0
