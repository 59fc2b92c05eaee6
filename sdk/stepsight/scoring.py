"""Scoring endpoints: every call of a score script's `run(data)` becomes a request.

    from stepsight import scoring

    def init(): ...
    def run(data): ...

    scoring.wrap(globals())

A request is a span of kind SERVER with duration, success, sizes and exception, inside of the
operation of whoever called: their `traceparent` header is found where the server offers it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from stepsight import _state
from stepsight._client import count_internal_error
from stepsight._span import Span
from stepsight._wrap import around

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["request", "wrap"]

F = TypeVar("F", bound="Callable[..., Any]")
FIRST_SERVER_ERROR, FIRST_ERROR = 500, 400


def wrap(script: MutableMapping[str, Any]) -> None:
    """Wrap `init` and `run` of a score script, given its `globals()`.

    Raises TypeError if it has no `run`.
    """
    if not callable(script.get("run")):
        raise TypeError("a score script has a function run(data): there is none to wrap.")
    script["run"] = request(script["run"])
    if callable(script.get("init")):
        script["init"] = around(script["init"], lambda: Span("init"), "a span")


def request(function: F, *, name: str = "POST /score") -> F:
    """Record every call of a `run(data)` function as a request; also asynchronous ones.

    Its answer is looked at for a status code; 400 and above is no success, as is an exception.
    """
    from functools import wraps

    if getattr(getattr(function, "__code__", None), "co_flags", 0) & 0x80:

        @wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with _Request(name, args, kwargs) as recorded:
                return recorded.answered(await function(*args, **kwargs))

        return call_async  # type: ignore[return-value]

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _Request(name, args, kwargs) as recorded:
            return recorded.answered(function(*args, **kwargs))

    return call  # type: ignore[return-value]


class _Request:
    """One call. Our own errors never reach the caller."""

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._name = name
        self._data = args[0] if args else next(iter(kwargs.values()), None)
        self._span: Span | None = None
        self._active: Any = None

    def __enter__(self) -> Self:
        try:
            if _state.ensure() is not None:
                size = _size(self._data)
                attributes = {} if size is None else {"http.request.body.size": size}
                parent = _caller(_headers(self._data))
                self._span = Span(self._name, attributes, kind="SERVER", parent=parent)
                self._active = self._span.__enter__()
        except Exception as exc:  # noqa: BLE001 - see above
            count_internal_error("scoring", exc)
        return self

    def answered(self, answer: Any) -> Any:
        """Note what the function returned, and give it back."""
        try:
            if self._active is not None:
                self._note(answer)
        except Exception as exc:  # noqa: BLE001 - see above
            count_internal_error("scoring", exc)
        return answer

    def _note(self, answer: Any) -> None:
        from opentelemetry.trace import Status, StatusCode

        code = getattr(answer, "status_code", 200)
        size = _size(answer)
        if size is not None:
            self._active.set_attribute("http.response.body.size", size)
        if isinstance(code, int):
            self._active.set_attribute("http.response.status_code", code)
            failed = code >= FIRST_ERROR
            self._active.set_status(Status(StatusCode.ERROR if failed else StatusCode.OK))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._span is not None:
            if kind is not None and self._active is not None:
                self._active.set_attribute("http.response.status_code", FIRST_SERVER_ERROR)
            self._span.__exit__(kind, value, trace)


def _size(data: Any) -> int | None:
    """Bytes of a body, None where that cannot be told without reading or copying it."""
    if isinstance(data, str):
        return len(data) if data.isascii() else len(data.encode("utf-8", "replace"))
    if isinstance(data, (bytes, bytearray)):
        return len(data)
    if isinstance(data, memoryview):
        return data.nbytes
    length = getattr(data, "content_length", None)
    return length if isinstance(length, int) else None


def _headers(data: Any) -> Mapping[str, str] | None:
    """Headers of the request: the argument's own, or those of Flask's request under way.

    Azure's inference server hands over the body and keeps the request in Flask; with @rawhttp the
    argument is the request.
    """
    headers = getattr(data, "headers", None)
    if headers is not None and hasattr(headers, "get"):
        return headers  # type: ignore[no-any-return]
    flask = sys.modules.get("flask")
    if flask is not None and flask.has_request_context():
        return flask.request.headers  # type: ignore[no-any-return]
    return None


def _caller(headers: Mapping[str, str] | None) -> Any:
    """The caller's span as a context; None if nobody says, or a span is active already."""
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if headers is None or trace.get_current_span().get_span_context().is_valid:
        return None
    carrier = {
        key: value
        for key in ("traceparent", "tracestate")
        if (value := headers.get(key) or headers.get(key.title()))
    }
    context = TraceContextTextMapPropagator().extract(carrier)
    found = trace.get_current_span(context).get_span_context()
    return context if found.is_valid else None
