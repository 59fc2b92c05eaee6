"""Undo Content-Encoding, with a limit on what comes out.

Bytes in, bytes out. The limit is checked while decompressing: a small body cannot become a large
one in memory first.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from stepsight_collector.errors import MalformedError, TooLargeError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["decompress"]

_GZIP_WINDOW, _ZLIB_WINDOW, _RAW_WINDOW = 31, 15, -15


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the body as it was before each encoding named, last one first.

    Raises `TooLargeError` over `max_bytes` (inclusive), `MalformedError` on harmed data,
    `UnsupportedError` for an encoding that is not spoken here.
    """
    for name in reversed(encoding.lower().split(",")):
        kind = name.strip()
        if kind in {"", "identity"}:
            continue
        if not body:
            return body
        body = _inflate(body, kind, _opener(kind, body), max_bytes)
    return body


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
    opener: Callable[[], _Decompressor] = zstd.ZstdDecompressor
    return opener


def _inflate(body: bytes, kind: str, opener: Callable[[], _Decompressor], max_bytes: int) -> bytes:
    parts, size = [], 0
    try:
        while body:  # one turn for each gzip member or zstd frame
            decompressor = opener()
            part = decompressor.decompress(body, max_bytes - size + 1)
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                raise TooLargeError(
                    f"The decompressed body is over the limit of {max_bytes} bytes. "
                    "Send it in smaller parts, or raise STEPSIGHT_MAX_BODY_BYTES."
                )
            if not decompressor.eof:
                raise MalformedError(f"The {kind} body ends in the middle of its data.")
            body = decompressor.unused_data
    except _errors() as exc:
        raise MalformedError(f"The body is not {kind}: {exc}.") from exc
    return parts[0] if len(parts) == 1 else b"".join(parts)


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
