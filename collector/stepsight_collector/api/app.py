"""Routes of the query API: parameters in, JSON out.

Asks the store through the modules beside it.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from stepsight_collector.access import Access
from stepsight_collector.api import artifacts, logs, metrics, operations, runs
from stepsight_collector.api.errors import ApiError, bad_request
from stepsight_collector.api.guard import guarded, project_of, reader_of
from stepsight_collector.api.sql import check_reads_only
from stepsight_collector.store import QueryError, QueryLimitError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from stepsight_collector.api.guard import AsgiApp
    from stepsight_collector.store import Store

__all__ = ["build_api"]

Parameters = dict[str, str]

MAX_QUERY_ROWS = 100_000
MAX_QUERY_BODY_BYTES = 1 << 20


def build_api(
    store: Store,
    status: Callable[[], Mapping[str, Any]],
    access: Access | None = None,
    live: Callable[[str], Mapping[str, Any]] = lambda _: {"streams": []},
) -> AsgiApp:
    """An ASGI application that answers from `store`.

    `status` is called for each `/api/status`, `live` with the project for each `/api/live`, both
    on the event loop. Without `access`, or without tokens in it, everyone may read.
    """

    async def answer_status(_request: Request) -> Response:
        return _json(status())

    async def answer_live(request: Request) -> Response:
        return _json(live(project_of(request.scope)))

    async def answer_query(request: Request) -> Response:
        if not reader_of(request.scope).sees_all:
            raise ApiError(
                403,
                "forbidden",
                "SQL may read every project, and this token belongs to one",
                'Use a read token with project = "*", or the routes below /api/runs.',
            )
        sql, max_rows = _query_arguments(await _body(request))
        answer = await asyncio.to_thread(store.query, check_reads_only(sql), max_rows=max_rows)
        return _json(
            {
                "columns": [{"name": name, "type": kind} for name, kind in answer.columns],
                "rows": answer.rows,
                "truncated": answer.truncated,
                "statistics": {
                    "elapsed_s": answer.elapsed_s,
                    "rows_read": answer.rows_read,
                    "bytes_read": answer.bytes_read,
                },
            }
        )

    async def answer_content(request: Request) -> Response:
        parameters = {**request.query_params, **request.path_params}
        project = project_of(request.scope)
        content = await asyncio.to_thread(artifacts.artifact_content, store, project, parameters)
        # It is a step's content on our own origin: a browser must not run it.
        headers = {
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(content.name, safe='')}",
        }
        return Response(content.data, headers=headers, media_type=content.media_type)

    def reading(handler: Callable[[Store, str, Parameters], Any]) -> Callable[..., Any]:
        async def answer(request: Request) -> Response:
            parameters = {**request.query_params, **request.path_params}
            project = project_of(request.scope)
            return _json(await asyncio.to_thread(handler, store, project, parameters))

        return answer

    app = Starlette(
        routes=[
            Route("/api/status", answer_status),
            Route("/api/live", answer_live),
            Route("/api/runs", reading(runs.list_runs)),
            # A run's id or name may hold slashes, so the longer routes come first.
            Route("/api/runs/{run:path}/logs", reading(logs.run_logs)),
            Route("/api/runs/{run:path}/metrics", reading(metrics.run_metrics)),
            Route("/api/runs/{run:path}/artifacts", reading(artifacts.list_artifacts)),
            Route("/api/runs/{run:path}/artifacts/{artifact}/content", answer_content),
            Route("/api/runs/{run:path}", reading(runs.show_run)),
            Route("/api/operations/{id}", reading(operations.show_operation)),
            Route("/api/query", answer_query, methods=["POST"]),
        ],
        exception_handlers={
            ApiError: _on_api_error,
            StoreError: _on_store_error,
            HTTPException: _on_http_exception,
        },
    )
    return guarded(app, access or Access())


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_QUERY_BODY_BYTES:
            raise bad_request(f"the request body is over {MAX_QUERY_BODY_BYTES} bytes")
    return body


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


def _json(content: object, status_code: int = 200) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status_code, media_type="application/json")


async def _on_api_error(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ApiError)  # noqa: S101 - registered for this class only
    return _json({"error": exc.document()}, exc.status)


async def _on_store_error(request: Request, exc: Exception) -> Response:
    if isinstance(exc, QueryLimitError):
        hint = "Ask for less: a shorter time, one run, fewer columns, or a LIMIT."
        return await _on_api_error(request, ApiError(408, "timeout", str(exc), hint))
    if isinstance(exc, QueryError):
        hint = "SHOW TABLES lists the tables, DESCRIBE TABLE name their columns."
        return await _on_api_error(request, ApiError(400, "bad_query", str(exc), hint))
    return await _on_api_error(
        request, ApiError(503, "not_ready", str(exc), "Try again in a moment.")
    )


async def _on_http_exception(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for this class only
    message = f"{request.method} {request.url.path}: {exc.detail}"
    hint = "docs/reference/api.md lists the routes of this port."
    return await _on_api_error(request, ApiError(exc.status_code, "not_found", message, hint))
