"""The collector's query API, as the commands ask it. Contract: docs/reference/api.md."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from stepsight._cli.errors import BadQueryError, CliError, UnreachableError, WrongUsageError
from stepsight._cli.text import mask_password

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Api", "reason"]

# Longer than the time limit of the collector's own queries, so that its message arrives.
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Api:
    """One collector's API. Every call raises CliError with a sentence for people."""

    url: str
    token: str = ""
    timeout_s: float = TIMEOUT_S

    def get(self, *path: str, **parameters: object) -> Any:
        """The answer of `/api/PATH`; parameters that are None or empty are left out."""
        given = {key: value for key, value in parameters.items() if value not in {None, ""}}
        query = f"?{urlencode(given)}" if given else ""
        return self._ask("/api/" + "/".join(quote(part, safe="@") for part in path) + query)

    def content(self, *path: str) -> bytes:
        """The bytes at `/api/PATH`."""
        return self._fetch("/api/" + "/".join(quote(part, safe="@") for part in path))

    def query(self, sql: str, max_rows: int) -> Any:
        """The answer of a SQL query."""
        return self._ask("/api/query", {"sql": sql, "max_rows": max_rows})

    def kql(self, query: str, max_rows: int, **more: object) -> Any:
        """The answer of a query in KQL; `more` may be `timespan`, `parameters` and `explain`."""
        given = {name: value for name, value in more.items() if value}
        return self._ask("/api/kql", {"query": query, "max_rows": max_rows, **given})

    def check(self, query: str) -> Any:
        """What is wrong with a query in KQL, and the columns that it gives."""
        return self._ask("/api/kql/check", {"query": query})

    def complete(self, query: str, position: int) -> Any:
        """What may stand at a position of a query in KQL."""
        return self._ask("/api/kql/complete", {"query": query, "position": position})

    def _ask(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        try:
            return json.loads(self._fetch(path, body))
        except ValueError as exc:
            raise UnreachableError(
                f"{mask_password(self.url)} is no stepsight collector: its answer is not JSON.",
                "--api URL or STEPSIGHT_API names the collector's UI port, 8050 by default.",
            ) from exc

    def _fetch(self, path: str, body: Mapping[str, object] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310 - http only
        try:
            with _OPENER.open(request, timeout=self.timeout_s) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as exc:
            raise self._refused(exc) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise UnreachableError(
                f"no collector answers at {mask_password(self.url)} ({reason(exc)}).",
                "stepsight up starts one; --api URL or STEPSIGHT_API names another.",
            ) from exc

    def _refused(self, answer: urllib.error.HTTPError) -> CliError:
        with answer:
            body = answer.read()
        try:
            error = json.loads(body)["error"]
            code, message, hint = error["code"], error["message"], error.get("hint") or ""
        except (ValueError, LookupError, TypeError):
            return UnreachableError(
                f"{mask_password(self.url)} is no stepsight collector: it says {answer.code}.",
                "--api URL or STEPSIGHT_API names the collector's UI port, 8050 by default.",
            )
        if code == "bad_query" and error.get("report"):
            return BadQueryError(message, error["report"])
        candidates = [f"  {candidate}" for candidate in error.get("candidates", ())]
        kind = {"bad_request": WrongUsageError, "not_ready": UnreachableError}.get(code, CliError)
        if code == "unauthorized":
            hint = hint or "Set STEPSIGHT_TOKEN to a token that may read."
        return kind(_sentence(message), "\n".join([*candidates, *([hint] if hint else [])]))


_OPENER = urllib.request.build_opener()


def reason(exc: BaseException) -> str:
    """Why a request failed, in a few words."""
    cause = exc.reason if isinstance(exc, urllib.error.URLError) else exc
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "\n")) else text + "."
