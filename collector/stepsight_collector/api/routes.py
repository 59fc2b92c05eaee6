"""Handlers of the routes about runs and about the collector: a request in, an answer out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from stepsight_collector.api import artifacts, logs, metrics, operations, runs
from stepsight_collector.api.answers import json_answer
from stepsight_collector.api.guard import project_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from stepsight_collector.store import Store

    Handler = Callable[[Request], Awaitable[Response]]
    Reading = Callable[[Store, str, dict[str, str]], Any]

__all__ = ["collector_routes", "run_routes"]

# An artifact is a step's content on our own origin: a browser must not run it.
_CONTENT_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def collector_routes(
    status: Callable[[], Mapping[str, Any]], live: Callable[[str], Mapping[str, Any]]
) -> list[Route]:
    """Routes that ask the collector itself."""

    async def answer_status(_request: Request) -> Response:
        return json_answer(status())

    async def answer_live(request: Request) -> Response:
        return json_answer(live(project_of(request.scope)))

    return [Route("/api/status", answer_status), Route("/api/live", answer_live)]


def run_routes(store: Store) -> list[Route]:
    """Routes that read runs, their parts, and operations."""
    return [
        Route("/api/runs", _reading(store, runs.list_runs)),
        # A run's id or name may hold slashes, so the longer routes come first.
        Route("/api/runs/{run:path}/logs", _reading(store, logs.run_logs)),
        Route("/api/runs/{run:path}/metrics", _reading(store, metrics.run_metrics)),
        Route("/api/runs/{run:path}/artifacts", _reading(store, artifacts.list_artifacts)),
        Route("/api/runs/{run:path}/artifacts/{artifact}/content", _content(store)),
        Route("/api/runs/{run:path}", _reading(store, runs.show_run)),
        Route("/api/operations/{id}", _reading(store, operations.show_operation)),
    ]


def _reading(store: Store, read: Reading) -> Handler:
    """Answer with what a function reads from the store, as JSON."""

    async def answer(request: Request) -> Response:
        return json_answer(await _read(store, read, request))

    return answer


def _content(store: Store) -> Handler:
    """Answer with the bytes of an artifact."""

    async def answer(request: Request) -> Response:
        content = await _read(store, artifacts.artifact_content, request)
        name = f"inline; filename*=UTF-8''{quote(content.name, safe='')}"
        headers = {**_CONTENT_HEADERS, "Content-Disposition": name}
        return Response(content.data, headers=headers, media_type=content.media_type)

    return answer


async def _read(store: Store, read: Reading, request: Request) -> Any:
    parameters = {**request.query_params, **request.path_params}
    return await asyncio.to_thread(read, store, project_of(request.scope), parameters)
