"""What every route answers with: JSON, and errors as JSON with a code, a sentence and advice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from stepsight_collector.api.errors import ApiError
from stepsight_collector.api.presence import ClientGoneError
from stepsight_collector.errors import BusyError
from stepsight_collector.store import QueryError, QueryLimitError, StoreError

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["EXCEPTION_HANDLERS", "json_answer", "raw_answer"]

_CLIENT_CLOSED_REQUEST = 499  # nobody reads it; nginx's number, for middleware that counts


def json_answer(content: object, status_code: int = 200) -> Response:
    """Compact JSON in UTF-8; a lone surrogate becomes "?"."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status_code, media_type="application/json")


def raw_answer(content: object, status_code: int = 200) -> Response:
    """JSON that may have `orjson.Fragment` in it: rows that were written already."""
    return Response(orjson.dumps(content), status_code, media_type="application/json")


async def _on_api_error(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ApiError)  # noqa: S101 - registered for this class only
    return json_answer({"error": exc.document()}, exc.status)


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


async def _on_busy(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, BusyError)  # noqa: S101 - registered for this class only
    hint = f"Try again in {exc.retry_after_s} seconds."
    answer = json_answer({"error": ApiError(429, "busy", str(exc), hint).document()}, 429)
    answer.headers["Retry-After"] = str(exc.retry_after_s)
    return answer


async def _on_client_gone(_request: Request, _exc: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


async def _on_fault(request: Request, _exc: Exception) -> Response:
    """Answer a fault of ours; the server logs it with its traceback."""
    message = f"{request.method} {request.url.path} failed for a reason of the collector's own"
    hint = "The collector's log has it. Please report it."
    return json_answer({"error": ApiError(500, "internal", message, hint).document()}, 500)


async def _on_http_exception(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for this class only
    message = f"{request.method} {request.url.path}: {exc.detail}"
    hint = "docs/reference/api.md lists the routes of this port."
    return await _on_api_error(request, ApiError(exc.status_code, "not_found", message, hint))


EXCEPTION_HANDLERS = {
    ApiError: _on_api_error,
    BusyError: _on_busy,
    ClientGoneError: _on_client_gone,
    StoreError: _on_store_error,
    HTTPException: _on_http_exception,
    Exception: _on_fault,
}
