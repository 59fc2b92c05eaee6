"""Stores the fixed data that KQL is tested on, by the doors that telemetry comes in by.

What there is: kql_records.py (OTLP) and kql_envelopes.py (Application Insights protocol). All of it
is in project `golden`. Project `elsewhere` has two log lines, a span and a metric of `run-a`, so
that a query which crosses projects is found out: all four say `not yours`. NOW is the now() of
the tests.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kql_envelopes import ENVELOPES
from kql_records import EVENTS, LOGS, METRICS, RUNS, SPANS, Log, Point, Span
from stepsight_collector.breeze import translate
from stepsight_collector.nested import storable
from stepsight_collector.receivers.check import REQUEST_TYPES, check
from stepsight_collector.wal import Entry, encode_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message

    from stepsight_collector.store import Store
    from stepsight_collector.wal import Signal

__all__ = ["ELSEWHERE", "NOW", "PROJECT", "load"]

PROJECT, ELSEWHERE = "golden", "elsewhere"
NOW = datetime(2025, 3, 12, 12, tzinfo=UTC)
# Two seconds behind the last record.
_RECEIVED = int(datetime(2025, 3, 12, 12, 0, 2, tzinfo=UTC).timestamp()) * 10**9
_SEVERITIES = {
    "TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "CRITICAL": 21,
    "": 0,
}  # fmt: skip
_KINDS = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}


def load(store: Store) -> None:
    """Store everything, each signal of each project as one segment."""
    for project, signal, messages in _requests():
        entries = b"".join(_entry(project, signal, each.SerializeToString()) for each in messages)
        store.insert(signal, entries, f"kql-{project}-{signal}")
    translated = translate(json.dumps(ENVELOPES).encode(), lambda _: PROJECT)
    assert translated.errors == ()
    for request in translated.requests:
        entry = _entry(request.project, request.signal, request.body)
        store.insert(request.signal, entry, f"kql-breeze-{request.signal}")


def _requests() -> Iterator[tuple[str, Signal, list[Message]]]:
    yield PROJECT, "logs", [_logs(each) for each in (LOGS, EVENTS)]
    yield PROJECT, "traces", [_spans(SPANS)]
    yield PROJECT, "metrics", [_metrics(METRICS)]
    step, time = "run-a/train", "2025-03-10T09:00:00Z"
    lines = (Log(time, "INFO", "not yours", step), Log(time, "ERROR", "not yours", step))
    yield ELSEWHERE, "logs", [_logs(lines)]
    yield ELSEWHERE, "traces", [_spans((Span(time, 1, "SERVER", "not yours", step, "a9"),))]
    point = Point(time, "gauge", "not yours", step, {"as_double": 1.0})
    yield ELSEWHERE, "metrics", [_metrics((point,))]


def _entry(project: str, signal: Signal, body: bytes) -> bytes:
    entry = Entry(
        request=body,
        received_time_unix_nano=_RECEIVED,
        project=project,
        client="golden/1",
        nested=check(signal, body).nested,
        records=1,
    )
    return b"".join(encode_entry(storable(signal, entry)))


def unix_nano(time: str) -> int:
    """Nanoseconds of an ISO time with up to nine digits of a fraction."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * 10**9 + int(fraction.ljust(9, "0"))


def _logs(records: Iterable[Log]) -> Message:
    request: Any = REQUEST_TYPES["logs"]()
    for log in records:
        out = _group(request.resource_logs, "scope_logs", log.step, "app").log_records.add(
            time_unix_nano=unix_nano(log.time),
            severity_number=_SEVERITIES[log.level],
            severity_text=log.level,
            event_name=log.event,
            **_ids(log.step),
        )
        if log.body:
            out.body.string_value = log.body
        set_attributes(out.attributes, log.attributes)
    return request  # type: ignore[no-any-return]


def _spans(spans: Iterable[Span]) -> Message:
    request: Any = REQUEST_TYPES["traces"]()
    for span in spans:
        start = unix_nano(span.time)
        out = _group(request.resource_spans, "scope_spans", span.step, "app").spans.add(
            trace_id=_ids(span.step)["trace_id"],
            span_id=bytes.fromhex(span.id.rjust(16, "0")),
            parent_span_id=bytes.fromhex(span.parent.rjust(16, "0")) if span.parent else b"",
            name=span.name,
            kind=_KINDS[span.kind],
            start_time_unix_nano=start,
            end_time_unix_nano=start + round(span.ms * 10**6),
        )
        if span.status:
            out.status.code = 2
        set_attributes(out.attributes, span.attributes)
        if span.exception:
            event = out.events.add(time_unix_nano=start + 10**9, name="exception")
            kind, message = span.exception
            set_attributes(event.attributes, {"exception.type": kind, "exception.message": message})
    return request  # type: ignore[no-any-return]


def _metrics(points: Iterable[Point]) -> Message:
    request: Any = REQUEST_TYPES["metrics"]()
    for point in points:
        kind, scope = ("gauge", "stepsight.run") if point.kind == "run" else (point.kind, "app")
        metric = _group(request.resource_metrics, "scope_metrics", point.step, scope).metrics.add(
            name=point.name
        )
        values = dict(point.values)
        quantiles = values.pop("quantiles", {})
        out = getattr(metric, kind).data_points.add(time_unix_nano=unix_nano(point.time), **values)
        for quantile, value in quantiles.items():
            out.quantile_values.add(quantile=quantile, value=value)
        set_attributes(out.attributes, point.attributes)
    return request  # type: ignore[no-any-return]


def _ids(step: str) -> dict[str, bytes]:
    """Trace and span id of a step; none without one."""
    if not step:
        return {}
    letter = RUNS[step.partition("/")[0]]["letter"]
    return {"trace_id": bytes.fromhex(letter * 32), "span_id": bytes.fromhex(letter * 16)}


def _group(resources: Any, scopes: str, step: str, scope: str) -> Any:
    """A new group of records, with the resource of a step."""
    group = resources.add()
    run, _, name = step.partition("/")
    facts = {key: value for key, value in RUNS[run].items() if key != "letter"}
    identity = {"telemetry.sdk.name": "stepsight", "telemetry.sdk.version": "0.1"}
    if step:
        identity |= {
            "service.name": name,
            "service.instance.id": f"host-1/{run}",
            "host.name": "host-1",
            "parent_run_id": run,
            "step_id": f"{run}-{name}",
            "step_name": name,
            "run_url": f"https://runs.example/{run}",
            **facts,
        }
    set_attributes(group.resource.attributes, identity)
    scoped = getattr(group, scopes).add()
    scoped.scope.name = scope
    return scoped


def set_attributes(target: Any, values: dict[str, Any]) -> None:
    """Add attributes of any JSON value."""
    for key, value in values.items():
        _set_value(target.add(key=key).value, value)


def _set_value(target: Any, value: Any) -> None:
    if isinstance(value, dict):
        target.kvlist_value.SetInParent()
        set_attributes(target.kvlist_value.values, value)
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for each in value:
            _set_value(target.array_value.values.add(), each)
    elif value is not None:
        kind = {bool: "bool_value", int: "int_value", float: "double_value"}.get(type(value))
        setattr(target, kind or "string_value", value)
