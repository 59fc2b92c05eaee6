"""The pieces of an ASGI application that every route of the OTLP/HTTP port needs.

An answer is one message; body.py reads requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

__all__ = ["JSON", "Answer", "fold_path", "send_answer"]

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


async def send_answer(send: Send, answer: Answer) -> None:
    """Send status, headers and body."""
    headers = [(b"content-length", str(len(answer.body)).encode()), *answer.headers]
    if answer.content_type:
        headers.insert(0, (b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
