"""The body of a request: read up to a limit, JSON in, checked values out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from stepsight_collector.api.errors import bad_request

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["MAX_BODY_BYTES", "read_body", "read_object"]

MAX_BODY_BYTES = 1 << 20


async def read_body(request: Request) -> bytes:
    """Return the whole body. Raises ApiError when it is over `MAX_BODY_BYTES`."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise bad_request(f"the request body is over {MAX_BODY_BYTES} bytes")
    return body


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that is the body. Raises ApiError when it is none."""
    body = await read_body(request)
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise bad_request(f"the body must be a JSON object: {exc}") from exc
    if not isinstance(found, dict):
        raise bad_request('the body must be a JSON object, as in {"query": "traces"}')
    return found
