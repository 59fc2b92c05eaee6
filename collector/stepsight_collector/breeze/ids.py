"""Operation and span ids as clients write them, as the 16 and 8 bytes of OTLP.

Text in, bytes out. An id of any other form gets bytes made from its text, always the same ones, so
that parent and child still meet; the caller keeps the text beside them.
"""

from __future__ import annotations

import re
from hashlib import blake2b

__all__ = ["Id", "span_id", "trace_id"]

TRACE_BYTES, SPAN_BYTES = 16, 8
_HEX = re.compile(r"[0-9a-fA-F]+")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HIERARCHICAL = re.compile(r"\|[0-9a-fA-F]{32}\.([0-9a-fA-F]{16})\.?")

# The bytes of an id, empty for none, and whether its text can be read back from them.
Id = tuple[bytes, bool]
_NONE: Id = (b"", True)


def trace_id(text: str) -> Id:
    """Read an operation id: 32 hex digits, a GUID, or anything. Zeros and nothing are none.

    >>> trace_id("bed37e11f2126aaed03cf6b9eb938a14")[0].hex()
    'bed37e11f2126aaed03cf6b9eb938a14'
    >>> trace_id("0" * 32), len(trace_id("job 7")[0]), trace_id("job 7")[1]
    ((b'', True), 16, False)
    """
    if "-" in text and _GUID.fullmatch(text):
        raw, _ = _bytes(text.replace("-", ""), TRACE_BYTES)
        return (raw, False) if raw else _NONE
    return _bytes(text, TRACE_BYTES)


def span_id(text: str) -> Id:
    """Read a span's or a parent's id: 16 hex digits, `|trace.span.`, or anything.

    Of `|trace.span.` the span is all there is to keep: the trace is the operation's id.

    >>> span_id("|bed37e11f2126aaed03cf6b9eb938a14.2e1344936860b714.")[0].hex()
    '2e1344936860b714'
    """
    match = _HIERARCHICAL.fullmatch(text) if text.startswith("|") else None
    return _bytes(match.group(1) if match else text, SPAN_BYTES)


def _bytes(text: str, size: int) -> Id:
    if not text.strip("0"):
        return _NONE
    if len(text) == 2 * size and _HEX.fullmatch(text):
        return bytes.fromhex(text), text == text.lower()
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest(), False
