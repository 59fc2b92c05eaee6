"""Switches on OpenTelemetry's own instrumentations, so that a step's calls are dependencies.

They send through the step's one queue. Our own sending is not among what they see: it is written
on sockets.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from stepsight import _state

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["INSTRUMENTATIONS", "Instrumentation", "instrument"]

_log = logging.getLogger("stepsight.sdk")


class Instrumentation(NamedTuple):
    """One row: the library, its instrumentation's module and class, and the package to install."""

    library: str
    module: str
    instrumentor: str
    package: str


INSTRUMENTATIONS = (
    Instrumentation(
        "requests",
        "opentelemetry.instrumentation.requests",
        "RequestsInstrumentor",
        "opentelemetry-instrumentation-requests",
    ),
    Instrumentation(
        "urllib3",
        "opentelemetry.instrumentation.urllib3",
        "URLLib3Instrumentor",
        "opentelemetry-instrumentation-urllib3",
    ),
    Instrumentation(
        "httpx",
        "opentelemetry.instrumentation.httpx",
        "HTTPXClientInstrumentor",
        "opentelemetry-instrumentation-httpx",
    ),
    Instrumentation(
        "sqlalchemy",
        "opentelemetry.instrumentation.sqlalchemy",
        "SQLAlchemyInstrumentor",
        "opentelemetry-instrumentation-sqlalchemy",
    ),
    # boto3 calls through it.
    Instrumentation(
        "botocore",
        "opentelemetry.instrumentation.botocore",
        "BotocoreInstrumentor",
        "opentelemetry-instrumentation-botocore",
    ),
    # Has tracing of its own, switched on by a setting.
    Instrumentation("azure.core", "azure.core.settings", "", "azure-core-tracing-opentelemetry"),
)


def instrument(*libraries: str) -> list[str]:
    """Record the calls of these libraries, by default of all that can be; returns which.

    Those count whose instrumentation is installed, too. Asking by name for one that cannot be
    switched on is said in the log. Calling it again changes nothing.
    """
    client = _state.ensure()
    if client is None:
        return []
    from stepsight._span import provider

    provider(client)
    wanted = [row for row in INSTRUMENTATIONS if not libraries or row.library in libraries]
    _say_unknown(libraries)
    return [row.library for row in wanted if _switch_on(row, is_asked_for=bool(libraries))]


def _switch_on(row: Instrumentation, *, is_asked_for: bool) -> bool:
    if not (_is_installed(row.library) and _is_installed(row.module)):
        if is_asked_for:
            _log.warning("calls of %s are not recorded: pip install %s", row.library, row.package)
        return False
    try:
        if row.library == "azure.core":
            return _switch_on_azure()
        instrumentor: Any = getattr(importlib.import_module(row.module), row.instrumentor)()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
    except Exception as exc:  # noqa: BLE001 - a foreign package; the step goes on without it
        _log.warning("calls of %s are not recorded: %r", row.library, exc)
        return False
    done = bool(instrumentor.is_instrumented_by_opentelemetry)
    if not done:  # it has said why: a version that it does not know
        _log.warning("calls of %s are not recorded: %s refused", row.library, row.package)
    return done


def _switch_on_azure() -> bool:
    settings: Any = importlib.import_module("azure.core.settings").settings
    try:
        plugin: Any = importlib.import_module("azure.core.tracing.ext.opentelemetry_span")
        settings.tracing_implementation = plugin.OpenTelemetrySpan
    except ImportError:  # since azure-core 1.33 it needs no plugin
        importlib.import_module("azure.core.tracing.opentelemetry")
        settings.tracing_enabled = True
    return True


def _is_installed(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # a parent package is missing
        return False


def _say_unknown(libraries: Iterable[str]) -> None:
    known = {row.library for row in INSTRUMENTATIONS}
    for name in libraries:
        if name not in known:
            _log.warning("%r is none of %s", name, ", ".join(sorted(known)))
