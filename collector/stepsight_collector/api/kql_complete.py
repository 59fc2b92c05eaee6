"""POST /api/kql/complete: what may stand where the cursor is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.routing import Route

from stepsight_collector.api.answers import raw_answer
from stepsight_collector.api.body import read_object
from stepsight_collector.api.errors import bad_request
from stepsight_collector.api.kql import query_text
from stepsight_collector.kql.complete import complete
from stepsight_collector.query.catalog import SCHEMA

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["completion_route"]


def completion_route() -> Route:
    """Return the route."""
    return Route("/api/kql/complete", _answer_complete, methods=["POST"])


async def _answer_complete(request: Request) -> Response:
    body = await read_object(request)
    text, position = query_text(body), body.get("position")
    if not isinstance(position, int) or isinstance(position, bool):
        raise bad_request('"position" must be a whole number: where the cursor is in the query')
    if not 0 <= position <= len(text):
        raise bad_request(f'"position" must be from 0 to {len(text)}, got {position}')
    found = await asyncio.to_thread(complete, text, position, SCHEMA)
    items = [
        {"label": each.label, "kind": each.kind, "detail": each.detail, "insert": each.insert}
        for each in found.items
    ]
    return raw_answer({"start": found.start, "end": found.end, "items": items})
