"""Read the body of an HTTP request, within limits and within the memory that there is room for.

ASGI messages in, bytes out. Used by the routes of OTLP and Breeze.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from stepsight_collector.errors import CollectorError, MalformedError, TooLargeError
from stepsight_collector.receivers.compression import decompress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from stepsight_collector.receivers.budget import Hold
    from stepsight_collector.receivers.ingest import Ingest

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

__all__ = ["ClientGoneError", "declared_bytes", "decoded", "read_body"]

_FIRST_GROWTH_BYTES = 1 << 16
# Joining copies once but needs the memory twice; a BytesIO gives its own memory away.
_JOINED_BYTES = 1 << 20


class ClientGoneError(CollectorError):
    """The sender closed the connection, or was cut, before its request was whole."""


def declared_bytes(headers: dict[bytes, bytes], limit: int) -> int:
    """Return the size that the header promises; 0 if it says none, as chunked bodies do.

    Raises `TooLargeError` over the limit: before a single byte of the body is asked for.
    """
    text = headers.get(b"content-length", b"")
    if not text.isdigit():
        return 0
    size = int(text) if len(text) < 20 else limit + 1  # noqa: PLR2004 - digits of the largest
    if size > limit:
        raise _too_large(limit)
    return size


async def read_body(receive: Receive, limit: int, hold: Hold) -> bytes:
    """Read a body of at most `limit` bytes; `hold` grows with it beyond what was declared.

    Raises `TooLargeError`, `BusyError` if there is no room for more, `ClientGoneError`.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        _make_room(hold, len(body), limit)
        return body
    parts: list[bytes] = []
    whole: BytesIO | None = None
    size = 0
    while message["type"] != "http.disconnect":
        part = message.get("body", b"")
        size += len(part)
        _make_room(hold, size, limit)
        if whole is not None:
            whole.write(part)
        else:
            parts.append(part)
            if size > _JOINED_BYTES:
                whole = BytesIO()
                whole.writelines(parts)
                parts.clear()
        if not message.get("more_body", False):
            return b"".join(parts) if whole is None else whole.getvalue()
        message = await receive()
    raise ClientGoneError("The sender went away before its request was whole.")


async def decoded(
    body: bytes, headers: dict[bytes, bytes], limit: int, hold: Hold, ingest: Ingest
) -> bytes:
    """Undo the body's Content-Encoding; large ones beside the loop.

    Raises what `decompress` and `Hold.grow` raise.
    """
    encoding = headers.get(b"content-encoding")
    if encoding is None:
        return body
    name = encoding.decode("latin-1")
    body = await ingest.decode(lambda data: decompress(data, name, limit, hold.grow), body)
    hold.shrink(hold.size_bytes - len(body))
    return body


def _make_room(hold: Hold, size_bytes: int, limit: int) -> None:
    if size_bytes > limit:
        raise _too_large(limit)
    missing = size_bytes - hold.size_bytes
    if missing > 0:
        # By doubling: a chunked body of 64 MiB asks ten times, not a thousand.
        hold.grow(min(max(missing, hold.size_bytes, _FIRST_GROWTH_BYTES), limit - hold.size_bytes))


def _too_large(limit: int) -> MalformedError:
    return TooLargeError(
        f"The body is over the limit of {limit} bytes. "
        "Send it in smaller parts, or raise STEPSIGHT_MAX_BODY_BYTES."
    )
