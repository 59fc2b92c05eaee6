from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsight_collector.wal.record import Entry, RecordError, encode_entry, scan_entries

U64 = 2**64 - 1
entries = st.builds(
    Entry,
    request=st.binary(max_size=300),
    received_time_unix_nano=st.integers(0, U64),
    project=st.text(max_size=20),
    client=st.text(max_size=200),
    nested=st.booleans(),
    records=st.integers(0, 2**32 - 1),
)
SMALL = [
    Entry(b"\x0a\x02hi", 1_700_000_000_000_000_000, client="otel/1.0", records=2),
    Entry(b"\x0a\x00", 1_700_000_000_000_000_001, project="p", nested=True, records=1),
    Entry(b"x" * 200, 1_700_000_000_000_000_002, records=300),
]


def encoded(*each: Entry) -> bytes:
    return b"".join(part for entry in each for part in encode_entry(entry))


def scanned(data: bytes) -> tuple[list[Entry], RecordError | None]:
    found = []
    try:
        for _, entry in scan_entries(memoryview(data)):
            found.append(entry)
    except RecordError as exc:
        return found, exc
    return found, None


@given(st.lists(entries, max_size=5))
def test_what_is_encoded_is_decoded(written: list[Entry]) -> None:
    assert scanned(encoded(*written)) == (written, None)


def test_a_record_is_the_protobuf_message_that_the_format_page_draws() -> None:
    head, request = encode_entry(Entry(b"\x0a\x00", 5, "p", "c", nested=True, records=300))

    fields = bytes.fromhex("120170 19 0500000000000000 220163 2801 30ac02 3a02 0a00")
    crc = zlib.crc32(fields).to_bytes(4, "little")
    assert head + request == bytes((5 + len(fields), 0x0D)) + crc + fields


def test_the_request_is_not_copied() -> None:
    request = b"x" * 1000

    assert encode_entry(Entry(request, 0))[1] is request


@pytest.mark.parametrize("size", range(len(encoded(*SMALL))))
def test_truncated_at_any_byte_gives_whole_records_only(size: int) -> None:
    ends = [len(encoded(*SMALL[:count])) for count in range(len(SMALL) + 1)]
    whole = max(count for count, end in enumerate(ends) if end <= size)

    found, defect = scanned(encoded(*SMALL)[:size])

    assert found == SMALL[:whole]
    assert (defect.offset if defect else size) == ends[whole]


def test_no_flipped_bit_ever_yields_a_wrong_record() -> None:
    data = encoded(*SMALL)
    for bit in range(len(data) * 8):
        harmed = bytearray(data)
        harmed[bit // 8] ^= 1 << bit % 8

        found, defect = scanned(bytes(harmed))

        assert defect is not None, bit
        assert found == SMALL[: len(found)], bit


def test_zeros_that_a_crash_leaves_behind_are_no_records() -> None:
    found, defect = scanned(encoded(SMALL[0]) + bytes(64))

    assert found == SMALL[:1]
    assert defect is not None
    assert defect.reason == "no checksum where a record should start"


@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_a_record_error(data: bytes) -> None:
    found, defect = scanned(data)

    assert (found, defect is None) == ([], not data)


@pytest.mark.parametrize("fields", [b"\x41\x00", b"\x12\x7f", b"\x30\xff\xff\xff\xff\xff"])
def test_fields_that_cannot_be_read_are_a_record_error_even_with_a_right_checksum(
    fields: bytes,
) -> None:
    crc = zlib.crc32(fields).to_bytes(4, "little")

    found, defect = scanned(bytes((5 + len(fields), 0x0D)) + crc + fields)

    assert found == []
    assert str(defect) == "record fields cannot be read"


def test_a_length_of_more_than_five_bytes_is_a_record_error() -> None:
    assert str(scanned(b"\xff" * 8)[1]) == "record length cannot be read"
