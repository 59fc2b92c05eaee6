"""The query API of Application Insights and Log Analytics, below /v1.

A resource is a project here: `Access.project_of_id` says which. One query reads one project.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount, Route

from stepsight_collector.api.answers import raw_answer
from stepsight_collector.api.app_insights_answer import answer_document, metadata_document
from stepsight_collector.api.app_insights_batch import answer_batch, read_batch
from stepsight_collector.api.app_insights_errors import (
    AzureError,
    access_error,
    as_azure_error,
    bad_argument,
    path_not_found,
    query_error,
)
from stepsight_collector.api.app_insights_request import read_preferences, read_question
from stepsight_collector.api.body import read_body
from stepsight_collector.api.errors import ApiError
from stepsight_collector.api.guard import reader_of
from stepsight_collector.api.presence import ClientGoneError, while_present
from stepsight_collector.errors import BusyError, ForbiddenError
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.query.ask import compile_question
from stepsight_collector.query.catalog import SCHEMA
from stepsight_collector.query.times import now_ticks
from stepsight_collector.receivers.asgi import fold_path
from stepsight_collector.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from starlette.requests import Request

    from stepsight_collector.access import Access, Reader
    from stepsight_collector.api.app_insights_request import Asked, Preferences
    from stepsight_collector.api.guard import AsgiApp, Receive, Send
    from stepsight_collector.query.limits import Policy
    from stepsight_collector.query.run import Queries

__all__ = ["app_insights_routes", "with_folded_slashes"]

_METHODS = ["GET", "POST"]


def app_insights_routes(queries: Queries, policy: Policy, access: Access) -> Mount:
    """Return everything below /v1, with errors in Azure's form."""
    api = _Api(queries, policy, access)
    routes = [
        Route("/$batch", api.batch, methods=["POST"]),
        Route("/subscriptions/{path:path}/query", api.query_resource, methods=_METHODS),
        # A qualified name of a workspace has slashes.
        Route("/{kind}/{id:path}/query", api.query, methods=_METHODS),
        Route("/{kind}/{id:path}/metadata", api.metadata, methods=_METHODS),
    ]
    kinds = (AzureError, ApiError, BusyError, StoreError, HTTPException, Exception)
    handlers: Any = dict.fromkeys(kinds, _on_error)
    handlers[ClientGoneError] = _on_client_gone
    return Mount("/v1", app=Starlette(routes=routes, exception_handlers=handlers))


def with_folded_slashes(app: AsgiApp) -> AsgiApp:
    """Take `//v1/…` as `/v1/…`: clients put their path after any endpoint as it was written."""

    async def fold(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if "//" in path and fold_path(path).startswith("/v1/"):
            scope = {**scope, "path": fold_path(path)}
        await app(scope, receive, send)

    return fold


@dataclass(frozen=True, slots=True)
class _Api:
    queries: Queries
    policy: Policy
    access: Access

    async def query(self, request: Request) -> Response:
        """Answer `/apps/{id}/query` and `/workspaces/{id}/query`."""
        if request.path_params["kind"] not in {"apps", "workspaces"}:
            raise path_not_found(request.method, request.url.path)
        return await self._answer(request, request.path_params["id"])

    async def query_resource(self, request: Request) -> Response:
        """Answer a query of a resource's path: one in the tokens file, or by its last name."""
        return await self._answer(request, "/subscriptions/" + request.path_params["path"])

    async def metadata(self, request: Request) -> Response:
        """Answer what may be asked."""
        kind, name = request.path_params["kind"], request.path_params["id"]
        if kind not in {"apps", "workspaces"}:
            raise path_not_found(request.method, request.url.path)
        project = self._project(reader_of(request.scope), name)
        return raw_answer(metadata_document(SCHEMA, kind, project))

    async def batch(self, request: Request) -> Response:
        """Answer several queries at once."""
        reader = reader_of(request.scope)
        items = read_batch(_object(await read_body(request)))
        now = now_ticks()

        async def ask(
            name: str, parameters: Mapping[str, str], body: Any, preferences: Preferences
        ) -> dict[str, Any]:
            return await self.ask(reader, name, read_question(parameters, body, now), preferences)

        return raw_answer(await while_present(request, answer_batch(items, ask)))

    async def _answer(self, request: Request, name: str) -> Response:
        is_post = request.method == "POST"
        body = _object(await read_body(request)) if is_post else None
        asked = read_question(request.query_params, body, now_ticks())
        preferences = read_preferences(",".join(request.headers.getlist("prefer")))
        asking = self.ask(reader_of(request.scope), name, asked, preferences)
        return raw_answer(await while_present(request, asking))

    async def ask(
        self, reader: Reader, name: str, asked: Asked, preferences: Preferences
    ) -> dict[str, Any]:
        """Return the body of an answer. Raises AzureError, BusyError, StoreError."""
        project = self._project(reader, name)
        for other in asked.others:
            if self._project(reader, other) != project:
                raise bad_argument(
                    "CrossResourceQueryNotSupported",
                    f'"{other[:200]}" is another project than "{name[:200]}", and one query reads '
                    "one project. Ask each of them, in a batch if you like.",
                )
        limits = self.policy.limits(wait_s=preferences.wait_s)
        try:
            compiled, _ = await asyncio.to_thread(compile_question, asked.question, project, limits)
        except KqlError as exc:
            raise query_error(asked.question.text, exc.diagnostics) from exc
        result = await self.queries.run(compiled, limits, "azure", reader.token)
        return answer_document(compiled, result, limits, preferences)

    def _project(self, reader: Reader, name: str) -> str:
        try:
            return self.access.project_of_id(reader, name)
        except ForbiddenError as exc:
            raise access_error(exc, has_credentials=True) from exc


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise bad_argument("InvalidJson", f"The body must be a JSON object: {exc}.") from exc
    if not isinstance(found, dict):
        raise bad_argument("InvalidJson", "The body must be a JSON object.")
    return found


async def _on_error(request: Request, exc: Exception) -> Response:
    if isinstance(exc, HTTPException):
        exc = path_not_found(request.method, request.url.path)
    elif isinstance(exc, ApiError):  # of a body that is too large
        exc = bad_argument("InvalidBody", str(exc))
    error = as_azure_error(exc)
    answer = raw_answer(error.document(), error.status)
    if error.retry_after_s:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


async def _on_client_gone(_request: Request, _exc: Exception) -> Response:
    return Response(status_code=499)
