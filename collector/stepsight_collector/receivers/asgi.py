"""The pieces of an ASGI application that every route of the OTLP/HTTP port needs.

A request is a scope and a body to be read with a limit; an answer is one message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepsight_collector.errors import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

__all__ = ["JSON", "Answer", "ClientGoneError", "fold_path", "read_body", "send_answer"]

JSON = "application/json"
_SLASHES = re.compile("/{2,}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. An empty `content_type` sends none."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class ClientGoneError(Exception):
    """The sender closed the connection before its request was whole."""


def fold_path(path: str) -> str:
    """Fold runs of slashes: clients glue their path to an endpoint that ends in one.

    >>> fold_path("//v2.1/track")
    '/v2.1/track'
    """
    return _SLASHES.sub("/", path) if "//" in path else path


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """Read a body of at most `limit` bytes. Raises `TooLargeError`, `ClientGoneError`."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(
        f"The body is over the limit of {limit} bytes. "
        "Send it in smaller parts, or raise STEPSIGHT_MAX_BODY_BYTES."
    )


async def send_answer(send: Send, answer: Answer) -> None:
    """Send status, headers and body."""
    headers = [(b"content-length", str(len(answer.body)).encode()), *answer.headers]
    if answer.content_type:
        headers.insert(0, (b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
