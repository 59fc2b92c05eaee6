"""The query API's door: every route needs a read token once tokens are set.

Stands before the whole application, so that a route added later is guarded too. What a request may
read is left in its scope: `stepsight.reader`, and `stepsight.project`, which was chosen with the
header X-Stepsight-Project or the parameter `project`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from stepsight_collector.api.app_insights_errors import access_error
from stepsight_collector.errors import AccessError, ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from stepsight_collector.access import Access, Reader

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

__all__ = ["guarded", "project_of", "reader_of"]

_READER, _PROJECT = "stepsight.reader", "stepsight.project"
# Basic makes a browser ask: any user name, the token as password.
_CHALLENGES = (b'Bearer realm="stepsight"', b'Basic realm="stepsight"')
_UNAUTHORIZED = 401
_HINT = (
    "Send a read token: Authorization: Bearer TOKEN (the command line takes it from "
    "STEPSIGHT_TOKEN)."
)


def guarded(app: AsgiApp, access: Access) -> AsgiApp:
    """Return the application behind the door."""

    async def guard(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                reader, project = _enter(scope, access)
            except AccessError as exc:
                await _refuse(send, scope, exc)
                return
            scope = {**scope, _READER: reader, _PROJECT: project}
        await app(scope, receive, send)

    return guard


def reader_of(scope: MutableMapping[str, Any]) -> Reader:
    """Return who asks."""
    reader: Reader = scope[_READER]
    return reader


def project_of(scope: MutableMapping[str, Any]) -> str:
    """Return the project that a request reads."""
    project: str = scope[_PROJECT]
    return project


def _enter(scope: MutableMapping[str, Any], access: Access) -> tuple[Reader, str]:
    headers = dict(scope["headers"])
    authorization = headers.get(b"authorization")
    # Clients of Application Insights' query API send their key in a header of its own.
    if authorization is None and b"x-api-key" in headers:
        authorization = b"Bearer " + headers[b"x-api-key"]
    reader = access.may_read(None if authorization is None else authorization.decode("latin-1"))
    wanted = headers.get(b"x-stepsight-project", b"").decode("utf-8", "replace")
    query = scope.get("query_string", b"")
    if not wanted and b"project=" in query:
        wanted = parse_qs(query.decode("latin-1")).get("project", [""])[-1]
    return reader, reader.choose(wanted)


async def _refuse(send: Send, scope: MutableMapping[str, Any], exc: AccessError) -> None:
    status, document = _refusal(scope, exc)
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((b"www-authenticate", each) for each in _CHALLENGES if status == _UNAUTHORIZED),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _refusal(scope: MutableMapping[str, Any], exc: AccessError) -> tuple[int, dict[str, Any]]:
    """Return status and body, in the form that the clients of the path expect."""
    if scope["path"].startswith("/v1/"):
        names = {name for name, _ in scope["headers"]}
        has_credentials = not names.isdisjoint((b"authorization", b"x-api-key"))
        error = access_error(exc, has_credentials=has_credentials)
        return error.status, error.document()
    is_known = isinstance(exc, ForbiddenError)
    code = "forbidden" if is_known else "unauthorized"
    hint = "" if is_known else _HINT
    document = {"error": {"code": code, "message": str(exc), "hint": hint}}
    return 403 if is_known else _UNAUTHORIZED, document
