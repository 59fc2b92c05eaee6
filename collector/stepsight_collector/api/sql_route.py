"""POST /api/query: SQL from those who may read every project."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from stepsight_collector.api.answers import json_answer
from stepsight_collector.api.body import read_body
from stepsight_collector.api.errors import ApiError, bad_request
from stepsight_collector.api.guard import reader_of
from stepsight_collector.api.sql import check_reads_only

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from stepsight_collector.store import Answer, Store

__all__ = ["sql_route"]

MAX_QUERY_ROWS = 100_000


def sql_route(store: Store) -> Route:
    """Return the route."""

    async def answer_query(request: Request) -> Response:
        if not reader_of(request.scope).sees_all:
            raise ApiError(
                403,
                "forbidden",
                "SQL may read every project, and this token belongs to one",
                'Use a read token with project = "*", or the routes below /api/runs.',
            )
        sql, max_rows = _query_arguments(await read_body(request))
        found = await asyncio.to_thread(store.query, check_reads_only(sql), max_rows=max_rows)
        return json_answer(_document(found))

    return Route("/api/query", answer_query, methods=["POST"])


def _document(found: Answer) -> dict[str, Any]:
    return {
        "columns": [{"name": name, "type": kind} for name, kind in found.columns],
        "rows": found.rows,
        "truncated": found.truncated,
        "statistics": {
            "elapsed_s": found.elapsed_s,
            "rows_read": found.rows_read,
            "bytes_read": found.bytes_read,
        },
    }


def _query_arguments(body: bytes) -> tuple[str, int]:
    try:
        arguments = json.loads(body)
        sql, max_rows = arguments["sql"], arguments.get("max_rows", 10_000)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise bad_request(
            'the body must be a JSON object with "sql", for example {"sql": "SELECT 1"}'
        ) from exc
    if (
        not isinstance(sql, str)
        or not isinstance(max_rows, int)
        or not 0 < max_rows <= MAX_QUERY_ROWS
    ):
        raise bad_request(
            f'"sql" must be text and "max_rows" a whole number from 1 to {MAX_QUERY_ROWS}'
        )
    return sql, max_rows
