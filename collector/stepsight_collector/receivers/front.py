"""What stands before an HTTP port for the sake of proxies and browsers. Both are off by default.

* *Prefix*: a proxy that passes `/stepsight/v1/logs` on as it came.
* *CORS*: pages of the named origins may send telemetry. Source: fetch.spec.whatwg.org, "CORS".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

__all__ = ["with_cors", "with_prefix"]

_PREFLIGHT_S = b"7200"  # the longest that Chromium remembers one
_ANY = "*"


def with_prefix(app: AsgiApp, prefix: str) -> AsgiApp:
    """Serve an application below a path as well as at the root; "" is the root alone.

    Health checks that do not pass the proxy keep asking at the root.
    """
    if not prefix:
        return app

    async def below(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == prefix or path.startswith(prefix + "/"):
            scope = {**scope, "path": path[len(prefix) :] or "/"}
        await app(scope, receive, send)

    return below


def with_cors(app: AsgiApp, origins: str) -> AsgiApp:
    """Let pages of these origins read the answers; `origins` is "", "*", or a list with commas."""
    allowed = {origin.strip().rstrip("/").lower() for origin in origins.split(",")} - {""}
    if not allowed:
        return app

    async def shared(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        origin = headers.get(b"origin", b"")
        if not origin or not (allowed & {_ANY, origin.decode("latin-1").lower()}):
            await app(scope, receive, send)
            return
        answer = [(b"access-control-allow-origin", origin), (b"vary", b"origin")]
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _preflight(send, answer, headers.get(b"access-control-request-headers", b""))
            return

        async def send_shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                exposed = (b"access-control-expose-headers", b"retry-after")
                message = {**message, "headers": [*message["headers"], *answer, exposed]}
            await send(message)

        await app(scope, receive, send_shared)

    return shared


async def _preflight(send: Send, answer: list[tuple[bytes, bytes]], wanted: bytes) -> None:
    """Answer a browser that asks before it sends."""
    headers = [
        *answer,
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", wanted or b"content-type"),
        (b"access-control-max-age", _PREFLIGHT_S),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
