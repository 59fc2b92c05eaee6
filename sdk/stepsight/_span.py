"""Spans inside a step: OpenTelemetry's own, under the step's span.

OpenTelemetry is imported on the first span; a provider that the script has set up itself is used
as it is.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

from stepsight import _state
from stepsight._client import count_internal_error
from stepsight._wrap import around

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from stepsight._client import Client

__all__ = ["Span", "provider"]

F = TypeVar("F", bound="Callable[..., Any]")

_lock = threading.Lock()
_provider: Any = None


class Span:
    """Time a part of a step: a context manager, also asynchronous, and a decorator.

    Gives the OpenTelemetry span, or None when recording is off. An exception is recorded on the
    span and raised on. Log records inside carry the span's ids. One object may be entered again
    after it was left; a decorated function gets a span of its own for each call.
    """

    def __init__(
        self,
        name: str,
        attributes: dict[str, Any] | None = None,
        *,
        kind: str = "INTERNAL",
        parent: Any = None,
    ) -> None:
        self._name = name
        self._attributes = attributes or {}
        self._kind = kind
        self._parent = parent
        self._active: Any = None

    def __enter__(self) -> Any:
        client = _state.ensure()
        if client is None:
            return None
        try:
            return self._open(client)
        except Exception as exc:  # noqa: BLE001 - OpenTelemetry may be broken, the step goes on
            self._active = None
            count_internal_error("span", exc)
            return None

    def _open(self, client: Client) -> Any:
        from opentelemetry.trace import SpanKind

        self._active = (
            provider(client)
            .get_tracer("stepsight")
            .start_as_current_span(
                self._name,
                context=self._parent or _parent(client),
                kind=SpanKind[self._kind],
                attributes=self._attributes,
            )
        )
        return self._active.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        active, self._active = self._active, None
        if active is not None:
            active.__exit__(kind, value, trace)

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, value, trace)

    def __call__(self, function: F) -> F:
        return around(
            function, lambda: Span(self._name, self._attributes, kind=self._kind), "a span"
        )


def provider(client: Client) -> Any:
    """The tracer provider of the process; the first call sets ours, if the script has set none."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    global _provider  # noqa: PLW0603 - OpenTelemetry has one a process
    with _lock:
        if _provider is None:
            found = trace.get_tracer_provider()
            if not isinstance(found, TracerProvider):
                found = _make_provider(client)
                trace.set_tracer_provider(found)
            _provider = found
    return _provider


def _make_provider(client: Client) -> Any:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class ToWorker(SpanProcessor):
        """Hands finished spans to the step's one queue: one spool, one deadline."""

        def on_end(self, span: Any) -> None:
            current = _state.client
            if current is not None:
                try:
                    current.span(_item(span, current))
                except Exception as exc:  # noqa: BLE001 - a library's call must not fail by us
                    count_internal_error("span", exc)

    class InTheOperation(RandomIdGenerator):
        """Puts spans that have no parent into the step's operation, whatever thread they are on."""

        def generate_trace_id(self) -> int:
            current = _state.client
            if current is None:
                return super().generate_trace_id()
            return int.from_bytes(current.identity.trace_id, "big")

        def is_trace_id_random(self) -> bool:
            return False

    made = TracerProvider(
        resource=Resource(client.resource_attributes()),
        shutdown_on_exit=False,
        id_generator=InTheOperation(),
    )
    made.add_span_processor(ToWorker())
    return made


def _parent(client: Client) -> Any:
    """The step's own span as parent; None where another span is active."""
    from opentelemetry import trace

    if trace.get_current_span().get_span_context().is_valid:
        return None
    identity = client.identity
    parent = trace.SpanContext(
        int.from_bytes(identity.trace_id, "big"),
        int.from_bytes(identity.span_id, "big"),
        is_remote=False,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
        trace_state=trace.TraceState.from_header([identity.tracestate]),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


def _item(span: Any, client: Client) -> Any:
    from stepsight._otlp import SpanItem

    context, parent = span.get_span_context(), span.parent
    attributes = dict(span.attributes or {})
    for event in span.events:
        if event.name == "exception":
            attributes.update(dict(event.attributes or {}))
    trace_id = context.trace_id.to_bytes(16, "big")
    parent_id = parent.span_id.to_bytes(8, "big") if parent else b""
    if not parent_id and trace_id == client.identity.trace_id:
        parent_id = client.identity.span_id  # a library's own, outside of any span of ours
    return SpanItem(
        name=span.name,
        trace_id=trace_id,
        span_id=context.span_id.to_bytes(8, "big"),
        parent_span_id=parent_id,
        start_unix_nano=span.start_time or 0,
        end_unix_nano=span.end_time or 0,
        kind=span.kind.value + 1,
        status=span.status.status_code.value,
        status_message=span.status.description or "",
        attributes=attributes,
        trace_state=context.trace_state.to_header(),
    )
