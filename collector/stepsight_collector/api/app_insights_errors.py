"""Errors as clients of Azure Monitor's query API expect them: a code, and nested inner errors.

A client shows the message of the innermost one, so the full sentence stands there.

Source: Azure Monitor, "Azure Monitor Log Analytics API errors"; OneAPI guidelines, "error".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepsight_collector.api.kql_errors import place
from stepsight_collector.errors import AccessError, BusyError, ForbiddenError
from stepsight_collector.query.run import is_for_its_values
from stepsight_collector.store import QueryError, QueryLimitError, StoreError

if TYPE_CHECKING:
    from stepsight_collector.kql.errors import Diagnostic
    from stepsight_collector.query.run import Stop

__all__ = [
    "AzureError",
    "access_error",
    "as_azure_error",
    "bad_argument",
    "path_not_found",
    "query_error",
    "stop_document",
]

_INVALID = "The request had some invalid properties"
_NO_ACCESS = "The provided credentials have insufficient access to perform the requested operation"
_SYNTAX = frozenset(("syntax", "unknown_operator"))
# Kusto's error numbers, which scripts look for.
_TOO_LARGE, _RUNAWAY = "-2133196797", "-2133196799"


class AzureError(Exception):
    """A request that is answered with an error in Azure's form."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        inner: dict[str, Any] | None = None,
        *,
        retry_after_s: int = 0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.inner = inner
        self.retry_after_s = retry_after_s

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        error: dict[str, Any] = {"message": str(self), "code": self.code}
        if self.inner is not None:
            error["innererror"] = self.inner
        return {"error": error}


def bad_argument(code: str, message: str) -> AzureError:
    """A request whose parameters cannot be used; `code` says which kind."""
    return AzureError(400, "BadArgumentError", _INVALID, {"code": code, "message": message})


def path_not_found(method: str, path: str) -> AzureError:
    """A path that leads nowhere, or a method that it does not take."""
    inner = {"code": "PathNotFoundError", "message": f"{method} {path} is no route of this API."}
    return AzureError(404, "PathNotFoundError", "The requested path does not exist", inner)


def access_error(exc: AccessError, *, has_credentials: bool) -> AzureError:
    """Someone without a token, with an unknown one, or with one that does not allow this."""
    if isinstance(exc, ForbiddenError):
        inner = {"code": "Forbidden", "message": str(exc)}
        return AzureError(403, "InsufficientAccessError", _NO_ACCESS, inner)
    if has_credentials:
        return AzureError(403, "InvalidAuthenticationToken", str(exc))
    return AzureError(
        401,
        "AuthenticationFailed",
        "Authentication failed. The 'Authorization' header is missing.",
    )


def query_error(text: str, diagnostics: tuple[Diagnostic, ...]) -> AzureError:
    """A query that does not compile."""
    first = diagnostics[0]
    line, column = place(text, first.span.start)
    is_syntax = first.code in _SYNTAX
    innermost: dict[str, Any] = {
        "code": "SYN0002" if is_syntax else "SEM0100",
        "message": _sentences(f"query:{line}:{column} {first.message}", first.hint),
    }
    if is_syntax:
        token = text[first.span.start : first.span.end]
        innermost |= {"line": line, "pos": column - 1, "token": token}
    inner = {
        "code": "SyntaxError" if is_syntax else "SemanticError",
        "message": "A recognition error occurred in the query."
        if is_syntax
        else "A semantic error occurred.",
        "innererror": innermost,
    }
    return AzureError(400, "BadArgumentError", _INVALID, inner)


def _sentences(*parts: str) -> str:
    return " ".join(
        part if part.endswith((".", "?", "!")) else f"{part}." for part in parts if part
    )


def as_azure_error(exc: Exception) -> AzureError:
    """Map what can go wrong while a query is run."""
    if isinstance(exc, AzureError):
        return exc
    if isinstance(exc, BusyError):
        inner = {"code": "TooManyRequests", "message": str(exc)}
        return AzureError(
            429, "ThrottledError", "Too many queries", inner, retry_after_s=exc.retry_after_s
        )
    if isinstance(exc, QueryLimitError):
        return _limit_error(exc)
    if isinstance(exc, QueryError):
        return _query_failed(exc)
    if isinstance(exc, StoreError):
        inner = {"code": "StoreUnavailable", "message": str(exc)}
        return AzureError(
            503, "ServiceUnavailable", "The store is not there", inner, retry_after_s=5
        )
    return AzureError(
        500, "InternalServerError", "The request failed for a reason of the collector's own"
    )


def _query_failed(exc: QueryError) -> AzureError:
    if is_for_its_values(exc):
        return bad_argument("QueryFailed", f"the query cannot be computed: {exc}")
    return AzureError(
        500,
        "EngineError",
        "Something went wrong processing your query on the server.",
        {"code": "QueryFailed", "message": f"the engine could not run the query: {exc}"},
    )


def _limit_error(exc: QueryLimitError) -> AzureError:
    inner = {"code": "GatewayTimeout", "message": str(exc)}
    if "longer than" in str(exc):
        return AzureError(504, "GatewayTimeout", "Gateway timeout", inner)
    inner["code"] = _RUNAWAY
    return AzureError(400, "QueryLimitError", "Query execution has exceeded its limits", inner)


def stop_document(stop: Stop, max_rows: int, max_bytes: int) -> dict[str, Any]:
    """Return the error that stands beside rows that are not all."""
    code, message = {
        "rows": (_TOO_LARGE, _too_large(f"{max_rows} records")),
        "bytes": (_TOO_LARGE, _too_large(f"{max_bytes} bytes")),
        "memory": (_RUNAWAY, f"Query execution has exceeded its limits (80DA0001): {stop.message}"),
    }.get(stop.reason, ("QueryTimeout", f"Not all records were returned: {stop.message}."))
    detail = {
        "code": "EngineError",
        "message": "Something went wrong processing your query on the server.",
        "innererror": {
            "code": code,
            "message": message,
            "severity": 2,
            "severityName": "Error",
        },
    }
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [detail],
    }


def _too_large(limit: str) -> str:
    return (
        f"The results of this query exceed the set limit of {limit}, so not all records were "
        "returned (E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003)."
    )
