"""The pieces of an ASGI application that every route of the OTLP/HTTP port needs.

An answer is one message; body.py reads requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

__all__ = ["JSON", "Answer", "encode_answer", "fold_path", "headers_of", "send_answer"]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. An empty `content_type` sends none."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def fold_path(path: str) -> str:
    """Fold runs of slashes, drop one at the end: clients glue their path to any endpoint.

    >>> fold_path("//v2.1/track/")
    '/v2.1/track'
    """
    if "//" not in path and not path.endswith("/"):
        return path
    return "/" + "/".join(part for part in path.split("/") if part)


def headers_of(answer: Answer) -> list[tuple[bytes, bytes]]:
    """Return the headers in the order in which they are sent."""
    headers = [(b"content-length", str(len(answer.body)).encode()), *answer.headers]
    if answer.content_type:
        headers.insert(0, (b"content-type", answer.content_type.encode()))
    return headers


def encode_answer(
    answer: Answer, server_headers: list[tuple[bytes, bytes]], *, keep_alive: bool
) -> bytes:
    """Encode an answer as uvicorn does with what `send_answer` sends."""
    parts = [STATUS_LINE[answer.status]]
    for name, value in (*server_headers, *headers_of(answer)):
        parts += (name, b": ", value, b"\r\n")
    parts += (b"\r\n" if keep_alive else b"connection: close\r\n\r\n", answer.body)
    return b"".join(parts)


async def send_answer(send: Send, answer: Answer) -> None:
    """Send status, headers and body."""
    headers = headers_of(answer)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
