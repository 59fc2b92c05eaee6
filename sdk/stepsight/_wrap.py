"""Functions with a context manager around every call, ordinary and asynchronous ones."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["around"]

F = TypeVar("F", bound="Callable[..., Any]")
_COROUTINE, _GENERATOR, _ASYNC_GENERATOR = 0x80, 0x20, 0x200


def around(function: F, make: Callable[[], AbstractContextManager[Any]], what: str) -> F:
    """Wrap a function; `make` gives a context manager for each call.

    Raises TypeError for a generator: its body runs while it is iterated, not while it is called.
    """
    # The flags that inspect reads; inspect itself would cost 3 MB.
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & (_GENERATOR | _ASYNC_GENERATOR):
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(
            f"{what} cannot be put around the generator {name}: use a with block inside of it."
        )
    if flags & _COROUTINE:

        @wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with make():
                return await function(*args, **kwargs)

        return cast("F", call_async)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with make():
            return function(*args, **kwargs)

    return cast("F", call)
