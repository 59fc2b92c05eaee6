"""`@stepsight.step`: a function as a step run of its own, inside of the process's step run.

As with the decorators of ZenML and Prefect, every call is a run of its own, with a state, a
duration, records and a span. Records inside carry its `step_id` and `step_name`.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any, TypeVar, overload

from stepsight import _state
from stepsight._client import guarded, inner_attributes
from stepsight._exceptions import exception_attributes
from stepsight._span import Span
from stepsight._wrap import around

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from stepsight._client import Client

__all__ = ["beat", "step"]

F = TypeVar("F", bound="Callable[..., Any]")

_running: dict[str, dict[str, Any]] = {}
_lock = threading.Lock()
WITNESS = {"stepsight.witness": "process"}


@overload
def step(function: F, /) -> F: ...


@overload
def step(name: str | None = None, /, **attributes: Any) -> Callable[[F], F]: ...


def step(function: Any = None, /, **attributes: Any) -> Any:
    """Make every call of a function a step run: `@step`, `@step("train")`, `@step(fold=3)`.

    An exception fails it and is raised on. Attributes go on its span and its records.
    """
    if callable(function):
        return step()(function)

    def decorate(decorated: F) -> F:
        name = function or getattr(decorated, "__name__", "step")
        return around(decorated, lambda: FunctionStep(name, attributes), "a step")

    return decorate


class FunctionStep:
    """One call, as a context manager."""

    def __init__(self, name: str, attributes: dict[str, Any]) -> None:
        self._name = name
        self._given = attributes
        self._client: Client | None = None

    def __enter__(self) -> None:
        self._client = client = _state.ensure()
        if client is None:
            return
        step_id = f"{client.identity.step_id}.{self._name}-{secrets.token_hex(2)}"
        self._ids = {"step_id": step_id, "step_name": self._name, **self._given}
        self._token = inner_attributes.set(self._ids)
        self._span = Span(self._name, self._ids, kind="SERVER")
        self._span.__enter__()
        with _lock:
            _running[step_id] = self._ids
        _tell(client, "start", f"step {self._name} started", self._ids)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        client = self._client
        if client is None:
            return
        with _lock:
            _running.pop(self._ids["step_id"], None)
        end = _outcome(kind, value, trace)
        status = end["stepsight.status"].lower()
        _tell(client, "end", f"step {self._name} {status}", {**self._ids, **end})
        self._span.__exit__(kind, value, trace)
        inner_attributes.reset(self._token)


def beat(client: Client) -> None:
    """A sign of life of each step that runs now; called with the process's own."""
    with _lock:
        running = list(_running.values())
    for ids in running:
        _tell(client, "heartbeat", "heartbeat", ids)


def forget() -> None:
    """A forked child has none: its parent's go on there."""
    global _lock  # noqa: PLW0603 - the parent's may be held for ever
    _lock = threading.Lock()
    _running.clear()


def _outcome(
    kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
) -> dict[str, Any]:
    code = getattr(value, "code", None)
    if kind is None or (issubclass(kind, SystemExit) and code in (None, 0)):
        return {"stepsight.status": "Completed"}
    if issubclass(kind, KeyboardInterrupt):
        return {"stepsight.status": "Canceled", "process.exit.signal": "SIGINT"}
    return {"stepsight.status": "Failed", **exception_attributes(kind, value, trace)}


@guarded
def _tell(client: Client, what: str, body: str, attributes: dict[str, Any]) -> None:
    interval = {"stepsight.heartbeat.interval_s": client.settings.heartbeat_s}
    client.event(f"stepsight.step.{what}", body, {**WITNESS, **interval, **attributes})
