"""Work for a client that may go away: then nobody waits for the answer, and the work ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.requests import Request

__all__ = ["ClientGoneError", "while_present"]

T = TypeVar("T")


class ClientGoneError(Exception):
    """The client closed its connection before its answer was ready."""


async def while_present(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of some work, or cancel it when the client closes its connection.

    The request's body must have been read. Raises ClientGoneError once the work has ended.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGoneError
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
