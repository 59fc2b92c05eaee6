"""The SDK's centre: what one process sends, as whom, through which worker."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from stepsight._otlp import (
    KIND_SERVER,
    STATUS_ERROR,
    STATUS_OK,
    LogItem,
    MetricItem,
    SpanItem,
    encode_resource,
)
from stepsight._spool import Spool
from stepsight._worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._handover import Heir
    from stepsight._identity import Identity
    from stepsight._settings import Settings

__all__ = ["VERSION", "Client", "count_internal_error", "guarded", "inner_attributes"]

VERSION = "0.1.0"
INFO = 9

# Set inside of a function that is a step run of its own (_step.py): goes on every record.
inner_attributes: ContextVar[dict[str, Any] | None] = ContextVar("stepsight_step", default=None)

F = TypeVar("F", bound="Callable[..., Any]")


class Client:
    """What one process sends, as whom.

    Thread-safe; every method returns at once but flush and close.
    """

    def __init__(self, settings: Settings, identity: Identity, tick: Callable[[], None]) -> None:
        self.settings = settings
        self.identity = identity
        self._tick = tick
        self.started_at = time.time_ns()
        self.internal_errors = 0
        self._begin(None)

    def before_fork(self) -> None:
        """Be ready for what the child will hand over."""
        if self._worker is not None:
            self._worker.expect_children()

    def after_fork(self) -> None:
        """In a child: begin with an empty queue; the parent delivers what was in it."""
        inbox = self._worker.inbox if self._worker is not None else None
        self._begin(inbox.heir() if inbox is not None else None)

    def _begin(self, heir: Heir | None) -> None:
        self.pid = os.getpid()
        self._lock = threading.RLock()
        self._heir = heir
        self._worker: Worker | None = None

    @property
    def worker(self) -> Worker:
        """The queue and its thread, made on first use: many a forked child records nothing."""
        return self._worker if self._worker is not None else self._make_worker()

    def _make_worker(self) -> Worker:
        settings = self.settings
        with self._lock:
            if self._worker is None:
                self._worker = Worker(
                    settings,
                    encode_resource(self.resource_attributes()),
                    Spool(settings.spool, settings.spool_max_bytes),
                    self._tick,
                    quiet=settings.supervised,  # the supervisor says it
                    heir=self._heir,
                )
            return self._worker

    def was_used(self) -> bool:
        """Whether this process recorded anything."""
        return self._worker is not None

    def resource_attributes(self) -> dict[str, Any]:
        """Who is speaking: see docs/reference/telemetry.md."""
        identity = self.identity
        host = socket.gethostname()
        return {
            "service.name": identity.step_name,
            "service.instance.id": f"{host}/{self.pid}",
            "host.name": host,
            "process.pid": self.pid,
            "telemetry.sdk.name": "stepsight",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.version": VERSION,
            "parent_run_id": identity.parent_run_id,
            **({"step_id": identity.step_id} if identity.step_id else {}),
            **({"step_name": identity.step_name} if identity.step_id else {}),
            "experiment_name": identity.experiment_name,
            **identity.facts(),
            **identity.dimensions,
        }

    def log(
        self,
        body: str,
        *,
        scope: str,
        severity: int = INFO,
        level: str = "INFO",
        attributes: dict[str, Any] | None = None,
        event: str = "",
        more: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        """Queue a log record or event, inside the active span or else the step's own."""
        trace_id, span_id = self._context()
        inner = inner_attributes.get()
        if inner is not None:
            attributes = {**inner, **(attributes or {})}
        self.worker.add(
            LogItem(
                time.time_ns(),
                severity,
                level,
                body,
                scope,
                attributes or {},
                trace_id,
                span_id,
                event,
                more,
            )
        )

    def event(
        self,
        name: str,
        body: str,
        attributes: dict[str, Any],
        more: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        """Queue a lifecycle event; `more` finds further attributes on the worker's thread."""
        self.log(body, scope="stepsight.lifecycle", attributes=attributes, event=name, more=more)

    def metric(self, name: str, value: float | None, attributes: dict[str, Any]) -> None:
        """Queue one value of a run metric."""
        inner = inner_attributes.get()
        if inner is not None:
            attributes = {**inner, **attributes}
        self.worker.add(MetricItem(time.time_ns(), name, value, attributes))

    def span(self, item: SpanItem) -> None:
        """Queue a finished span."""
        self.worker.add(item)

    def own_span(self, *, failed: bool, reason: str, attributes: dict[str, Any]) -> None:
        """Queue the span of this step or pipeline run itself; it ends now."""
        identity = self.identity
        self.span(
            SpanItem(
                identity.step_name,
                identity.trace_id,
                identity.span_id,
                identity.parent_span_id,
                self.started_at,
                time.time_ns(),
                KIND_SERVER,
                STATUS_ERROR if failed else STATUS_OK,
                reason if failed else "",
                attributes,
                identity.tracestate,
            )
        )

    def counts(self) -> dict[str, int]:
        """Records sent or spooled, and dropped; the worker brings them up to date as it sends."""
        return self.worker.counts()

    def flush(self, timeout_s: float) -> bool:
        """Wait until what is queued is sent or spooled; False on time-out."""
        return self._worker is None or self._worker.flush(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Deliver or spool everything, then accept nothing more."""
        self.worker.close(timeout_s)

    def _context(self) -> tuple[bytes, bytes]:
        trace = sys.modules.get("opentelemetry.trace")
        if trace is not None:
            context = trace.get_current_span().get_span_context()
            if context.is_valid:
                return context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big")
        return self.identity.trace_id, self.identity.span_id


_reporting: dict[str, float] = {}


def guarded(function: F) -> F:
    """Keep the SDK's own errors away from user code.

    An Exception is counted and, at most once a minute, said on stderr; with the setting
    `raise_errors` it is raised. KeyboardInterrupt and SystemExit always pass.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - user code must not see it
            count_internal_error(function.__name__, exc)
            return None

    return cast("F", call)


def count_internal_error(name: str, exc: Exception) -> None:
    """Count an error of our own and say it, once a minute for each name."""
    from stepsight import _state

    client = _state.client
    if client is not None:
        client.internal_errors += 1
        if client.settings.raise_errors:
            raise exc
    now = time.monotonic()
    if now - _reporting.get(name, -60.0) >= 60.0:  # noqa: PLR2004 - seconds
        _reporting[name] = now
        stream = sys.__stderr__
        if stream is not None:
            stream.write(
                f"stepsight: {name} failed, your code is not affected: "
                f"{type(exc).__name__}: {exc}\n"
            )
