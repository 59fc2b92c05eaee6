"""Several queries in one request: `/v1/$batch`. Each has an answer of its own, by its id.

Source: Azure Monitor, "Batch queries".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from stepsight_collector.api.app_insights_errors import (
    AzureError,
    as_azure_error,
    bad_argument,
    path_not_found,
)
from stepsight_collector.api.app_insights_request import Preferences, read_preferences
from stepsight_collector.errors import BusyError
from stepsight_collector.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Ask = Callable[
        [str, Mapping[str, str], Mapping[str, Any] | None, Preferences], Awaitable[dict[str, Any]]
    ]

__all__ = ["BatchItem", "answer_batch", "read_batch"]

_MAX_ITEMS = 100
_AT_ONCE = 2  # the others of a batch must not fill the line that its token's queries wait in


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One query of a batch, as it was sent."""

    id: str
    workspace: str
    method: str
    path: str
    headers: Mapping[str, Any]
    body: Mapping[str, Any] | None


def read_batch(body: Mapping[str, Any]) -> list[BatchItem]:
    """Check the frame of a batch. Raises AzureError; what is wrong in an item is its own error."""
    requests = body.get("requests")
    if not isinstance(requests, list) or not all(isinstance(each, dict) for each in requests):
        raise bad_argument("InvalidBatch", 'The body must have "requests": a list of objects.')
    if not 0 < len(requests) <= _MAX_ITEMS:
        raise bad_argument(
            "InvalidBatch", f"A batch has 1 to {_MAX_ITEMS} requests, this one has {len(requests)}."
        )
    items = [_item(each) for each in requests]
    if len({item.id for item in items}) < len(items):
        raise bad_argument("InvalidBatch", 'Each request of a batch must have an "id" of its own.')
    return items


def _item(given: Mapping[str, Any]) -> BatchItem:
    name = given.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise bad_argument("InvalidBatch", 'Each request of a batch must have an "id".')
    headers, body = given.get("headers"), given.get("body")
    return BatchItem(
        id=str(name),
        workspace=str(given.get("workspace") or given.get("app") or ""),
        method=str(given.get("method") or "GET").upper(),
        path=str(given.get("path") or "/query"),
        headers=headers if isinstance(headers, dict) else {},
        body=body if isinstance(body, dict) else None,
    )


async def answer_batch(items: list[BatchItem], ask: Ask) -> dict[str, Any]:
    """Ask each; an item's error is in its own answer. Answers stand in the order of the items."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def answer(item: BatchItem) -> dict[str, Any]:
        async with turn:
            try:
                body, status, retry_after_s = await _ask(item, ask), 200, 0
            except (AzureError, BusyError, StoreError) as exc:
                error = as_azure_error(exc)
                body, status, retry_after_s = error.document(), error.status, error.retry_after_s
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
        return {"id": item.id, "status": status, "headers": headers, "body": body}

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(answer(item)) for item in items]
    return {"responses": [task.result() for task in tasks]}


async def _ask(item: BatchItem, ask: Ask) -> dict[str, Any]:
    parts = urlsplit(item.path)
    if parts.path.strip("/") != "query" or item.method not in {"GET", "POST"}:
        raise path_not_found(item.method, item.path)
    if not item.workspace:
        raise bad_argument("InvalidBatch", 'The request has no "workspace".')
    body = item.body if item.method == "POST" else None
    prefer = next((v for k, v in item.headers.items() if k.lower() == "prefer"), "")
    return await ask(
        item.workspace, dict(parse_qsl(parts.query)), body, read_preferences(str(prefer or ""))
    )
