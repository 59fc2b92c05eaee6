"""The collector's figures as families: one list, from which /metrics and OTLP are written.

So both say the same. Names are OTLP's; Prometheus' follow from name, unit and kind.
"""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from stepsight_collector.metrics import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight_collector.metrics import Metrics
    from stepsight_collector.wal import WalUsage

__all__ = ["Family", "Observed", "families", "render_otlp", "render_prometheus"]

_SIGNAL_HELP = {
    "received_requests": "Requests that arrived.",
    "received_bytes": "Bytes of request bodies that arrived, after decompression.",
    "accepted_requests": "Requests that were made durable and acknowledged.",
    "accepted_records": "Log records, spans and metrics in accepted requests.",
    "accepted_bytes": "Bytes of accepted request bodies, after decompression.",
    "rejected_records": "Records that were left out of accepted requests (partial success).",
    "resent_requests": "Requests that were acknowledged because they had been accepted before.",
    "stored_records": "Log records, spans and metrics that the store has.",
    "stored_segments": "WAL segments that the store has.",
}
_LOADER_HELP = {
    "retries": "Attempts to store a segment that failed and were repeated.",
    "refused_segments": "Segments of which the store refused requests.",
    "refused_records": "Records that were set aside because the store refuses their content.",
    "lost_records": "Records of segments whose file was gone before it was stored.",
}


_BREEZE_HELP = {
    "accepted_items": "Application Insights items that were made durable.",
    "rejected_items": "Application Insights items that were refused by their index.",
    "discarded_items": "Application Insights items that clients send for their maker (statsbeat).",
    "rejected_requests": "Application Insights requests that were refused as a whole.",
}
_CUMULATIVE = 2  # AggregationTemporality
_DISK_STATES = {"ok": 0, "low": 1, "full": 2}

Labels = dict[str, str]


@dataclass(slots=True)
class Observed:
    """What is not counted but looked at now and then: the store's tables, the disk's room."""

    tables: list[tuple[str, int, int, int]] = field(default_factory=list)  # parts, rows, bytes
    free_bytes: dict[str, int] = field(default_factory=dict)
    disk_state: str = "ok"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its points, each with its labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    help: str
    points: list[tuple[Labels, float | Histogram]]

    @property
    def prometheus_name(self) -> str:
        """The name in Prometheus' text format."""
        name = self.name.replace(".", "_") + ("_seconds" if self.unit == "s" else "")
        return name + ("_total" if self.kind == "counter" else "")


def families(metrics: Metrics, usage: WalUsage, observed: Observed | None = None) -> list[Family]:
    """List every figure."""
    return [
        *_of_signals(metrics),
        *_of_breeze(metrics),
        *_of_loader(metrics),
        *_of_wal(usage),
        *_of_store(observed or Observed()),
        *_of_process(),
    ]


def _of_signals(metrics: Metrics) -> Iterator[Family]:
    for name, text in _SIGNAL_HELP.items():
        points: list[tuple[Labels, float | Histogram]] = [
            ({"signal": signal}, getattr(row, name)) for signal, row in metrics.signals.items()
        ]
        yield Family(f"stepsight.{name.replace('_', '.', 1)}", "counter", "", text, points)
    for name, text, counts in (
        ("rejected.requests", "Requests that were refused.", metrics.rejected),
        ("shed.records", "Records that were left out of accepted requests.", metrics.shed),
    ):
        points = [
            ({"signal": signal, "reason": reason}, count)
            for (signal, reason), count in sorted(counts.items())
        ]
        yield Family(f"stepsight.{name}", "counter", "", text, points)
    cut: list[tuple[Labels, float | Histogram]] = [
        ({"reason": reason}, count) for reason, count in sorted(metrics.cut_connections.items())
    ]
    text = "HTTP connections that were ended because of what their client did."
    yield Family("stepsight.cut_connections", "counter", "", text, cut)
    agents: list[tuple[Labels, float | Histogram]] = [
        ({"agent": agent}, count) for agent, count in sorted(metrics.agents.items())
    ]
    yield Family("stepsight.agent.requests", "counter", "", "Requests by program.", agents)


def _of_breeze(metrics: Metrics) -> Iterator[Family]:
    for name, text in _BREEZE_HELP.items():
        value = getattr(metrics.breeze, name)
        yield Family(f"stepsight.breeze.{name}", "counter", "", text, [({}, value)])


def _of_loader(metrics: Metrics) -> Iterator[Family]:
    for name, text in _LOADER_HELP.items():
        value = getattr(metrics.loader, name)
        yield Family(f"stepsight.loader.{name}", "counter", "", text, [({}, value)])
    for name, text, by_signal in (
        ("insert.duration", "From handing a segment to the store to its answer.", metrics.insert_s),
        ("freshness", "Age of a segment's first record once it can be seen.", metrics.freshness_s),
    ):
        points: list[tuple[Labels, float | Histogram]] = [
            ({"signal": signal}, histogram) for signal, histogram in by_signal.items()
        ]
        yield Family(f"stepsight.{name}", "histogram", "s", text, points)


def _of_wal(usage: WalUsage) -> Iterator[Family]:
    for name, unit, text, value in (
        ("bytes", "", "Bytes in the log that the store does not have yet.", usage.bytes),
        ("segments", "", "Sealed segments that the store does not have yet.", usage.segments),
        ("oldest_age", "s", "Age of the oldest sealed segment.", usage.oldest_age_s),
    ):
        yield Family(f"stepsight.wal.{name}", "gauge", unit, text, [({}, value)])


def _of_store(observed: Observed) -> Iterator[Family]:
    for index, name in enumerate(("parts", "rows", "bytes"), start=1):
        points: list[tuple[Labels, float | Histogram]] = [
            ({"table": row[0]}, float(str(row[index]))) for row in observed.tables
        ]
        text = f"Active {name} of each table, as of the last look."
        yield Family(f"stepsight.store.{name}", "gauge", "", text, points)
    free: list[tuple[Labels, float | Histogram]] = [
        ({"volume": name}, room) for name, room in sorted(observed.free_bytes.items())
    ]
    text = "Free room on the volumes of the write-ahead log and the embedded store."
    yield Family("stepsight.disk.free_bytes", "gauge", "", text, free)
    text = "0 there is room, 1 low: DEBUG records are shed, 2 full: requests are refused."
    state = float(_DISK_STATES[observed.disk_state])
    yield Family("stepsight.disk.state", "gauge", "", text, [({}, state)])


def _of_process() -> Iterator[Family]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = usage.ru_utime + usage.ru_stime
    text = "User and system time of the process."
    yield Family("stepsight.process.cpu", "counter", "s", text, [({}, cpu_s)])
    text = "Resident memory of the process."
    memory = float(_resident_bytes(usage.ru_maxrss))
    yield Family("stepsight.process.memory_bytes", "gauge", "", text, [({}, memory)])


def _resident_bytes(peak: int) -> int:
    """Resident memory now; where the system does not tell, its peak so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def render_prometheus(metrics: Metrics, usage: WalUsage, observed: Observed | None = None) -> bytes:
    """Write all figures in Prometheus' text format, version 0.0.4."""
    lines: list[str] = []
    for family in families(metrics, usage, observed):
        name = family.prometheus_name
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
        for labels, value in family.points:
            lines += _lines(name, labels, value)
    return ("\n".join(lines) + "\n").encode()


def _lines(name: str, labels: Labels, value: float | Histogram) -> Iterator[str]:
    if not isinstance(value, Histogram):
        yield f"{name}{_braced(labels)} {value}"
        return
    below = 0
    for bound, count in zip((*value.bounds, "+Inf"), value.counts, strict=True):
        below += count
        yield f"{name}_bucket{_braced({**labels, 'le': str(bound)})} {below}"
    yield f"{name}_sum{_braced(labels)} {value.sum}"
    yield f"{name}_count{_braced(labels)} {below}"


def _braced(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def render_otlp(
    found: list[Family], attributes: Labels, start_unix_nano: int, now_unix_nano: int
) -> bytes:
    """Write all figures as an OTLP metrics request; `attributes` are the resource's."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    _set(group.resource, attributes)
    scope = group.scope_metrics.add()
    scope.scope.name = "stepsight.collector"
    for family in found:
        metric = scope.metrics.add(name=family.name, unit=family.unit, description=family.help)
        for labels, value in family.points:
            point = _point(metric, family.kind, value)
            point.start_time_unix_nano, point.time_unix_nano = start_unix_nano, now_unix_nano
            _set(point, labels)
    return request.SerializeToString()


def _point(metric: Any, kind: str, value: float | Histogram) -> Any:
    if isinstance(value, Histogram):
        metric.histogram.aggregation_temporality = _CUMULATIVE
        return metric.histogram.data_points.add(
            count=sum(value.counts),
            sum=value.sum,
            bucket_counts=value.counts,
            explicit_bounds=value.bounds,
        )
    if kind == "gauge":
        return metric.gauge.data_points.add(as_double=value)
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = _CUMULATIVE, True
    return metric.sum.data_points.add(as_double=value)


def _set(target: Any, attributes: Labels) -> None:
    for key, text in attributes.items():
        target.attributes.add(key=key).value.string_value = text.encode("utf-8", "replace").decode()
