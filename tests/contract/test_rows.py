"""Rows that the native library makes of a segment, beside those that the store's views make."""

from __future__ import annotations

import math
import os
import random
import shutil
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mutations import mutated
from random_otlp import double, random_request
from stepsight_collector import native
from stepsight_collector.receivers.check import REQUEST_TYPES
from stepsight_collector.wal import Entry, encode_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight_collector.store import Store
    from stepsight_collector.wal import Signal

pytestmark = pytest.mark.skipif(
    shutil.which("cargo") is None, reason="the native library is built where there is a cargo"
)
SIGNALS: tuple[Signal, ...] = ("logs", "traces")


class Maker:
    """Makes rows of a segment's bytes."""

    def __init__(self) -> None:
        self._segment, self._block = os.memfd_create("segment"), os.memfd_create("block")
        self.block = Path(f"/proc/self/fd/{self._block}")

    def rows(self, signal: Signal, data: bytes) -> int | None:
        for descriptor in (self._segment, self._block):
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(self._segment, data)
        path = Path(f"/proc/self/fd/{self._segment}")
        return native.write_rows(signal, path, len(data), self._block)

    def close(self) -> None:
        os.close(self._segment)
        os.close(self._block)


@pytest.fixture
def maker() -> Iterator[Maker]:
    making = Maker()
    yield making
    making.close()


class Both:
    """Stores the same requests by both ways, each as a project of its own."""

    def __init__(self, store: Store, project: str, maker: Maker) -> None:
        self._store = store
        self._project = project
        self._maker = maker

    def rows(self, signal: Signal, bodies: list[bytes]) -> tuple[list[Any], list[Any]]:
        """Return the rows that the views made and those that the library made."""
        views, rows = f"{self._project}-views", f"{self._project}-rows"
        self._store.insert(signal, segment(bodies, views), f"{views}-{signal}")
        assert self._maker.rows(signal, segment(bodies, rows)) is not None
        self._store.insert_rows(signal, self._maker.block, f"{rows}-{signal}")
        return self._stored(signal, views), self._stored(signal, rows)

    def _stored(self, signal: Signal, project: str) -> list[Any]:
        # The hash tells also what JSON does not: bytes that are no text.
        all_columns = "* EXCEPT ProjectId"
        sql = (
            f"SELECT {all_columns}, cityHash64(tuple({all_columns})) FROM otel_{signal} "
            "WHERE ProjectId = {p:String}"
        )
        return sorted(self._store.query(sql, {"p": project}).dicts(), key=repr)


@pytest.fixture
def both(store: Store, project: str, maker: Maker) -> Both:
    return Both(store, project, maker)


def segment(bodies: list[bytes], project: str = "default") -> bytes:
    received = 1_790_000_000_000_000_000
    return b"".join(
        part
        for number, body in enumerate(bodies)
        for part in encode_entry(Entry(body, received + number, project, f"test/{number % 3}"))
    )


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("seed", range(3))
def test_both_ways_make_the_same_rows_of_any_request(seed: int, signal: Signal, both: Both) -> None:
    rng = random.Random(seed)  # noqa: S311 - chance that can be repeated
    bodies = [random_request(rng, signal).SerializeToString() for _ in range(150)]

    views, rows = both.rows(signal, bodies)

    assert len(rows) > 400
    assert rows == views


@pytest.mark.parametrize("signal", SIGNALS)
def test_both_ways_make_the_same_rows_where_fields_stand_in_another_order(
    signal: Signal, both: Both
) -> None:
    rng = random.Random(7)  # noqa: S311 - chance that can be repeated
    bodies = [
        shuffled(rng, random_request(rng, signal, records=4).SerializeToString(), 4)
        for _ in range(100)
    ]

    views, rows = both.rows(signal, bodies)

    assert rows == views


@pytest.mark.parametrize("signal", SIGNALS)
def test_what_the_library_takes_of_harmed_requests_the_views_read_in_the_same_way(
    signal: Signal, both: Both, maker: Maker
) -> None:
    rng = random.Random(11)  # noqa: S311 - chance that can be repeated
    requests = [random_request(rng, signal, 2).SerializeToString() for _ in range(100)]
    harmed = [mutated(rng, body) for body in requests for _ in range(40)]
    taken = [body for body in harmed if maker.rows(signal, segment([body]))]

    views, rows = both.rows(signal, taken)

    assert len(harmed) > len(taken) > 400
    assert rows == views


@pytest.mark.parametrize("signal", SIGNALS)
def test_harmed_segments_are_taken_or_left_never_more(signal: Signal, maker: Maker) -> None:
    rng = random.Random(13)  # noqa: S311 - chance that can be repeated
    whole = segment([random_request(rng, signal, 3).SerializeToString() for _ in range(5)])
    answers = set()

    for at in range(0, len(whole), 7):
        answers.add(maker.rows(signal, whole[:at]) is None)
        answers.add(maker.rows(signal, mutated(rng, whole)) is None)

    assert answers == {True, False}


def test_floats_are_written_as_the_store_does(both: Both) -> None:
    rng = random.Random(17)  # noqa: S311 - chance that can be repeated
    numbers = [double(rng) for _ in range(20_000)]
    numbers += [float(f"{digit}e{power}") for power in range(-324, 309) for digit in (1, 7, 9.5)]
    numbers += [struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0001))[0], -math.nan]
    request: Any = REQUEST_TYPES["logs"]()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number in numbers:
        records.add().body.double_value = number

    views, rows = both.rows("logs", [request.SerializeToString()])

    assert rows == views


@pytest.mark.parametrize("count", [255, 256, 65_535, 65_536])
def test_dictionaries_of_every_width_are_read(count: int, both: Both) -> None:
    request: Any = REQUEST_TYPES["traces"]()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(count):
        spans.add(name=f"n{number}", start_time_unix_nano=time.time_ns()).attributes.add(
            key=f"k{number}"
        )

    views, rows = both.rows("traces", [request.SerializeToString()])

    assert len(rows) == count
    assert rows == views


def test_many_resources_and_scopes_are_kept_apart(both: Both) -> None:
    request: Any = REQUEST_TYPES["logs"]()
    for number in range(300):
        resource = request.resource_logs.add()
        for key in range(number % 4):
            attribute = resource.resource.attributes.add(key=f"k{(number * 7 + key) % 290}")
            attribute.value.string_value = f"v{number}"
        for index in range(2):
            scope = resource.scope_logs.add()
            scope.scope.name = f"s{number % 270}"
            scope.scope.attributes.add(key=f"a{number}").value.int_value = index
            for _ in range(index + number % 3):
                scope.log_records.add()

    views, rows = both.rows("logs", [request.SerializeToString()])

    assert rows == views


def shuffled(rng: random.Random, message: bytes, depth: int) -> bytes:
    """The message with its fields in another order, and so in what may be a message in it."""
    try:
        fields = list(split_fields(message))
    except ValueError:
        return message  # a text
    rng.shuffle(fields)
    return b"".join(
        head + (shuffled(rng, content, depth - 1) if depth and head[0] & 7 == 2 else content)
        for head, content in fields
    )


def split_fields(message: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each field as tag and length, and content. ValueError: it is no message."""
    at = 0
    while at < len(message):
        start, (tag, at) = at, varint(message, at)
        kind = tag & 7
        if kind == 0:
            _, end = varint(message, at)
        elif kind == 2:
            length, at = varint(message, at)
            end = at + length
        elif kind in {1, 5}:
            end = at + (8 if kind == 1 else 4)
        else:
            raise ValueError(kind)
        if end > len(message) or tag < 8:
            raise ValueError(end)
        yield message[start:at], message[at:end]
        at = end


def varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError(at)
