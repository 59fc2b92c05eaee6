"""OTLP over HTTP, and the collector's own health pages, as a minimal ASGI application.

No framework in the hot path: a request is one dictionary of headers, one body and one answer.
Routes, statuses and bodies: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP".
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepsight_collector.errors import (
    AccessError,
    BusyError,
    MalformedError,
    StorageError,
    UnsupportedError,
)
from stepsight_collector.receivers import rpc_status
from stepsight_collector.receivers.asgi import JSON, Answer, fold_path, send_answer
from stepsight_collector.receivers.body import (
    ClientGoneError,
    declared_bytes,
    decoded,
    read_body,
)
from stepsight_collector.receivers.otlp_answers import (
    PROTOBUF,
    collector_failed,
    failure,
    refusal,
    success,
)
from stepsight_collector.receivers.otlp_json import json_to_protobuf

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from stepsight_collector.receivers.asgi import AsgiApp, Receive, Send
    from stepsight_collector.receivers.breeze import BreezeRoutes
    from stepsight_collector.receivers.door import Door
    from stepsight_collector.receivers.ingest import Ingest
    from stepsight_collector.wal import Signal

__all__ = ["SIGNAL_OF_PATH", "HealthPages", "build_otlp_app"]

SIGNAL_OF_PATH: dict[str, Signal] = {
    "/v1/logs": "logs",
    "/v1/traces": "traces",
    "/v1/metrics": "metrics",
}
_PROFILES_PATH = "/v1development/profiles"
_NO_PROFILES = (
    "Profiles are not stored here. Send logs, traces and metrics; take the profiles exporter out."
)
_HEALTH_PATHS = ("/healthz", "/readyz", "/metrics")
_TEXT = "text/plain; charset=utf-8"
_UTF8 = frozenset(("utf-8", "utf8", "us-ascii"))
# What a JSON request takes while it is read, in its own sizes: 10 usually, 60 if it is made for it.
_JSON_FACTOR = 40
_MAX_JSON_BYTES = 4 << 20
_LOG_INTERVAL_S = 60.0
_log = logging.getLogger("stepsight.receivers.http")


@dataclass(frozen=True, slots=True)
class HealthPages:
    """What the health pages show: `why_not_ready` is None when requests are accepted.

    With `is_guarded`, /metrics asks for a read token; /healthz and /readyz never do.
    """

    why_not_ready: Callable[[], str | None]
    metrics_text: Callable[[], bytes]
    is_guarded: bool = False


@dataclass(frozen=True, slots=True)
class _Otlp:
    """What the routes of OTLP share."""

    ingest: Ingest
    door: Door
    pages: HealthPages
    max_json_bytes: int
    breeze: BreezeRoutes | None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is served."""
        return (*SIGNAL_OF_PATH, *(self.breeze.paths if self.breeze else ()), *_HEALTH_PATHS)


def build_otlp_app(
    ingest: Ingest,
    door: Door,
    pages: HealthPages,
    max_json_bytes: int = _MAX_JSON_BYTES,
    breeze: BreezeRoutes | None = None,
) -> AsgiApp:
    """Return the ASGI application of the OTLP/HTTP port; `breeze` adds Application Insights."""
    otlp = _Otlp(ingest, door, pages, max_json_bytes, breeze)
    logged_at = float("-inf")

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        nonlocal logged_at
        if scope["type"] != "http":
            return
        try:
            answer = await _answer(scope, receive, otlp)
        except ClientGoneError:
            return
        except Exception:  # noqa: BLE001 - a bug here must be an answer, not a dropped connection
            if time.monotonic() - logged_at >= _LOG_INTERVAL_S:
                logged_at = time.monotonic()
                _log.exception("request to %s failed", scope["path"])
            answer = collector_failed()
        await send_answer(send, answer)

    return app


async def _answer(scope: MutableMapping[str, Any], receive: Receive, otlp: _Otlp) -> Answer:
    path, method = fold_path(scope["path"]), scope["method"]
    signal = SIGNAL_OF_PATH.get(path)
    if signal is not None:
        if method != "POST":
            return _not_allowed(path, method, "POST")
        return await _export(signal, dict(scope["headers"]), receive, otlp)
    if otlp.breeze is not None and path in otlp.breeze.paths:
        if method != "POST":
            return _not_allowed(path, method, "POST")
        return await otlp.breeze.answer(path, scope, receive)
    return _page(path, method, dict(scope["headers"]), otlp)


def _page(path: str, method: str, headers: dict[bytes, bytes], otlp: _Otlp) -> Answer:
    """Answer what is no telemetry that is kept."""
    if path in _HEALTH_PATHS:
        if method not in {"GET", "HEAD"}:
            return _not_allowed(path, method, "GET, HEAD")
        return _health(path, headers, otlp)
    if path == _PROFILES_PATH:
        return failure(JSON, 501, rpc_status.UNIMPLEMENTED, _NO_PROFILES)
    known = ", ".join(otlp.paths)
    message = f"There is nothing at {path[:200]}. This port serves {known}."
    return failure(JSON, 404, rpc_status.NOT_FOUND, message)


async def _export(
    signal: Signal, headers: dict[bytes, bytes], receive: Receive, otlp: _Otlp
) -> Answer:
    """Take one export request to the disk."""
    content_type = (
        headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    )
    answer_type = JSON if content_type == JSON else PROTOBUF
    door = otlp.door
    is_counted = False  # Ingest.accept counts what it was given
    try:
        _check_content_type(content_type, headers[b"content-type"] if content_type else b"")
        limit = otlp.ingest.max_body_bytes
        if content_type == JSON:
            limit = min(limit, otlp.max_json_bytes)
        project = door.admit(authorization(headers))
        size_bytes = declared_bytes(headers, limit)
        # Neither coroutines nor context managers where nobody has to wait: see ingest-cost.md.
        hold = door.budget.reserve_now(project, size_bytes)
        if hold is None:
            hold = await door.room(project, size_bytes)
        try:
            body = await read_body(receive, limit, hold)
            if not door.turns.takes_one():
                await door.turns.wait(project)
            try:
                body = await decoded(body, headers, limit, hold, otlp.ingest)
                if content_type == JSON:
                    hold.grow(_JSON_FACTOR * len(body))
                    text = body
                    body = await otlp.ingest.decode(lambda _: json_to_protobuf(signal, text), text)
                is_counted = True
                client = headers.get(b"user-agent", b"").decode("latin-1")
                judged = await otlp.ingest.accept(signal, body, client, project)
            finally:
                door.turns.end()
        finally:
            hold.release()
    except (AccessError, BusyError, MalformedError, StorageError, UnsupportedError) as exc:
        if not is_counted:
            otlp.ingest.count_rejected(signal, exc)
        return refusal(answer_type, exc)
    door.charge(project, len(body), judged.records)
    return success(signal, answer_type, judged)


def authorization(headers: dict[bytes, bytes]) -> str | None:
    """Return the value of the Authorization header."""
    value = headers.get(b"authorization")
    return None if value is None else value.decode("latin-1")


def _check_content_type(content_type: str, header: bytes) -> None:
    """Raise `UnsupportedError` for what is neither protobuf nor JSON in UTF-8."""
    if content_type not in {PROTOBUF, JSON}:
        raise UnsupportedError(
            f'Content-Type must be {PROTOBUF} or {JSON}, got "{content_type[:100]}".'
        )
    if b"charset" not in header.lower():
        return
    for parameter in header.decode("latin-1").lower().split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in _UTF8:
            raise UnsupportedError(f'The charset must be utf-8, got "{value[:40].strip()}".')


def _not_allowed(path: str, method: str, allowed: str) -> Answer:
    message = f"{path} takes {allowed}, not {method[:20]}."
    body = rpc_status.encode_status_json(rpc_status.INVALID_ARGUMENT, message)
    return Answer(405, JSON, body, ((b"allow", allowed.encode()),))


def _health(path: str, headers: dict[bytes, bytes], otlp: _Otlp) -> Answer:
    pages = otlp.pages
    if path == "/metrics":
        if pages.is_guarded:
            try:
                otlp.door.access.may_read(authorization(headers))
            except AccessError as exc:
                return refusal(JSON, exc)
        return Answer(200, "text/plain; version=0.0.4; charset=utf-8", pages.metrics_text())
    reason = pages.why_not_ready() if path == "/readyz" else None
    if reason is None:
        return Answer(200, _TEXT, b"ok\n")
    return Answer(503, _TEXT, f"not ready: {reason}\n".encode())
