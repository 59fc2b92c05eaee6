"""Spans inside a step: OpenTelemetry's own, under the step's span.

OpenTelemetry is imported on the first span; a provider that the script has set up itself is used
as it is.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stepsight import _state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight._client import Client

__all__ = ["span"]

_lock = threading.Lock()
_tracers: dict[int, Any] = {}


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[Any]:
    """Time a part of a step; yields the OpenTelemetry span.

    An exception is recorded on the span and raised on. Log records inside carry the span's ids.
    """
    client = _state.ensure()
    if client is None:
        yield None
        return
    tracer, context = _tracer(client)
    with tracer.start_as_current_span(name, context=context, attributes=attributes) as active:
        yield active


def _tracer(client: Client) -> tuple[Any, Any]:
    from opentelemetry import trace

    with _lock:
        if client.pid not in _tracers:
            _tracers[client.pid] = _make_tracer(client, trace)
    if trace.get_current_span().get_span_context().is_valid:
        return _tracers[client.pid], None
    identity = client.identity
    parent = trace.SpanContext(
        int.from_bytes(identity.trace_id, "big"),
        int.from_bytes(identity.span_id, "big"),
        is_remote=False,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return _tracers[client.pid], trace.set_span_in_context(trace.NonRecordingSpan(parent))


def _make_tracer(client: Client, trace: Any) -> Any:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    class ToWorker(SpanProcessor):
        """Hands finished spans to the step's one queue: one spool, one deadline."""

        def on_end(self, span: Any) -> None:
            current = _state.client
            if current is not None:
                current.span(_item(span))

    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider(
            resource=Resource(client.resource_attributes()), shutdown_on_exit=False
        )
        provider.add_span_processor(ToWorker())
        trace.set_tracer_provider(provider)
    return provider.get_tracer("stepsight")


def _item(span: Any) -> Any:
    from stepsight._otlp import SpanItem

    context, parent = span.get_span_context(), span.parent
    attributes = dict(span.attributes or {})
    for event in span.events:
        if event.name == "exception":
            attributes.update(dict(event.attributes or {}))
    return SpanItem(
        name=span.name,
        trace_id=context.trace_id.to_bytes(16, "big"),
        span_id=context.span_id.to_bytes(8, "big"),
        parent_span_id=parent.span_id.to_bytes(8, "big") if parent else b"",
        start_unix_nano=span.start_time or 0,
        end_unix_nano=span.end_time or 0,
        kind=span.kind.value + 1,
        status=span.status.status_code.value,
        status_message=span.status.description or "",
        attributes=attributes,
    )
