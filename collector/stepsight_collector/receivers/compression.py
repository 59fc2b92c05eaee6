"""Undo Content-Encoding, with a limit on what comes out.

Bytes in, bytes out. The limit is checked while decompressing, and memory is asked for before it is
taken: a small body cannot become a large one in memory first.
"""

from __future__ import annotations

import sys
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from stepsight_collector.errors import MalformedError, TooLargeError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["decompress"]

_SLICE_BYTES = 1 << 18
_FIRST_STEP_BYTES = 1 << 16
_USUAL_RATIO = 8  # telemetry shrinks to a fifth to a tenth
_MAX_MEMBERS = 10_000
_MAX_ENCODINGS = 4
_MAX_ZSTD_WINDOW_LOG = 23
_GZIP_WINDOW, _ZLIB_WINDOW, _RAW_WINDOW = 31, 15, -15


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def decompress(
    body: bytes, encoding: str, max_bytes: int, grow: Callable[[int], None] | None = None
) -> bytes:
    """Return the body as it was before each encoding named, last one first.

    `grow` is called with a number of bytes before so many more are taken, and may raise.
    Raises `TooLargeError` over `max_bytes` (inclusive), `MalformedError` on harmed data,
    `UnsupportedError` for an encoding that is not spoken here.
    """
    names = [name.strip() for name in encoding.lower().split(",")]
    if len(names) > _MAX_ENCODINGS:
        raise UnsupportedError(
            f"The body is encoded {len(names)} times over, at most {_MAX_ENCODINGS} are undone."
        )
    for kind in reversed(names):
        if kind in {"", "identity"}:
            continue
        if not body:
            return body
        body = _Inflation(body, kind, max_bytes, grow or _ask_nobody).run()
    return body


def _ask_nobody(_size_bytes: int) -> None:
    """Grow without a budget."""


def _opener(kind: str, body: bytes) -> Callable[[], _Decompressor]:
    if kind in {"gzip", "x-gzip"}:
        return lambda: zlib.decompressobj(_GZIP_WINDOW)
    if kind == "deflate":
        # Meant is zlib's format; some clients send it bare. RFC 9110, section 8.4.1.2.
        is_zlib = body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
        return lambda: zlib.decompressobj(_ZLIB_WINDOW if is_zlib else _RAW_WINDOW)
    zstd = _zstd() if kind == "zstd" else None
    if zstd is None:
        known = "gzip, deflate, zstd" if _zstd() else "gzip, deflate"
        raise UnsupportedError(
            f'Content-Encoding "{kind}" is not accepted here. Send one of: {known}, identity.'
        )
    # A frame may ask for a window of 128 MiB with its first bytes. RFC 9659 allows 8 MiB over HTTP.
    options = {zstd.DecompressionParameter.window_log_max: _MAX_ZSTD_WINDOW_LOG}
    return lambda: zstd.ZstdDecompressor(options=options)


class _Inflation:
    """The decompression of one body: gzip members or zstd frames, one after the other."""

    def __init__(self, body: bytes, kind: str, max_bytes: int, grow: Callable[[int], None]) -> None:
        self._body = memoryview(body)
        self._at = 0
        self._kind = kind
        self._open = _opener(kind, body)
        self._max_bytes = max_bytes
        self._grow = grow
        self._out = BytesIO()
        self._size = 0
        self._step = max(_FIRST_STEP_BYTES, _USUAL_RATIO * len(body))

    def run(self) -> bytes:
        """Return everything that comes out."""
        data = self._next_slice()
        members = 0
        try:
            while data:
                members += 1
                if members > _MAX_MEMBERS:
                    raise MalformedError(f"The {self._kind} body has over {_MAX_MEMBERS} members.")
                data = self._member(self._open(), data) or self._next_slice()
        except _errors() as exc:
            raise MalformedError(f"The body is not {self._kind}: {exc}.") from exc
        return self._out.getvalue()

    def _member(self, decompressor: _Decompressor, data: bytes) -> bytes:
        """Decompress one member; return what followed it in the data at hand."""
        while True:
            wanted = min(self._step, self._max_bytes - self._size + 1)
            self._grow(wanted)
            self._step *= 2
            part = decompressor.decompress(data, wanted)
            self._out.write(part)
            self._size += len(part)
            if self._size > self._max_bytes:
                raise TooLargeError(
                    f"The decompressed body is over the limit of {self._max_bytes} bytes. "
                    "Send it in smaller parts, or raise STEPSIGHT_MAX_BODY_BYTES."
                )
            if decompressor.eof:
                return decompressor.unused_data
            # zlib gives back what it did not use, zstd keeps it; both may hold more to come.
            data = getattr(decompressor, "unconsumed_tail", b"")
            if not data and len(part) < wanted:
                data = self._next_slice()
                if not data:
                    raise MalformedError(f"The {self._kind} body ends in the middle of its data.")

    def _next_slice(self) -> bytes:
        """Return the next part of the input: what a decompressor gives back is copied each time."""
        start = self._at
        self._at = min(start + _SLICE_BYTES, len(self._body))
        return bytes(self._body[start : self._at])


def _zstd() -> Any:
    """Return the zstd module: Python 3.14 has one, before it comes with the store's client."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        return None
    return zstd


def _errors() -> tuple[type[Exception], ...]:
    zstd = _zstd()
    return (zlib.error,) if zstd is None else (zlib.error, zstd.ZstdError)
