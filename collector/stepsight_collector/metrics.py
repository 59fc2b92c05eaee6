"""What the collector counts about itself, and its Prometheus text.

Plain ints, changed on the event loop's thread only, read anywhere. Served at /metrics.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stepsight_collector.wal import SIGNALS, Signal, WalUsage

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BreezeCounters", "LoaderCounters", "Metrics", "SignalCounters", "render_prometheus"]


@dataclass(slots=True)
class SignalCounters:
    """Counters of one signal since the start of the process."""

    received_requests: int = 0
    received_bytes: int = 0
    accepted_requests: int = 0
    accepted_records: int = 0
    accepted_bytes: int = 0
    rejected_records: int = 0
    stored_records: int = 0
    stored_segments: int = 0


@dataclass(slots=True)
class LoaderCounters:
    """Counters that the loader increments. `last_error` is None after a success."""

    retries: int = 0
    refused_segments: int = 0
    refused_records: int = 0
    last_error: str | None = None


@dataclass(slots=True)
class BreezeCounters:
    """Items of the Application Insights protocol, and requests that could not be split."""

    accepted_items: int = 0
    rejected_items: int = 0
    discarded_items: int = 0
    rejected_requests: int = 0


@dataclass(slots=True)
class Metrics:
    """All counters. `rejected` counts requests by signal and reason, the others by reason."""

    signals: dict[Signal, SignalCounters] = field(
        default_factory=lambda: {signal: SignalCounters() for signal in SIGNALS}
    )
    rejected: Counter[tuple[Signal, str]] = field(default_factory=Counter)
    cut_connections: Counter[str] = field(default_factory=Counter)
    loader: LoaderCounters = field(default_factory=LoaderCounters)
    breeze: BreezeCounters = field(default_factory=BreezeCounters)

    def count_rejected(self, signal: Signal, reason: str) -> None:
        """Count a refused request."""
        self.rejected[signal, reason] += 1

    def count_stored(self, signal: Signal, records: int) -> None:
        """Count a segment that is in the store."""
        self.signals[signal].stored_segments += 1
        self.signals[signal].stored_records += records
        self.loader.last_error = None


_SIGNAL_HELP = {
    "received_requests": "Requests that arrived.",
    "received_bytes": "Bytes of request bodies that arrived, after decompression.",
    "accepted_requests": "Requests that were made durable and acknowledged.",
    "accepted_records": "Log records, spans and metrics in accepted requests.",
    "accepted_bytes": "Bytes of accepted request bodies, after decompression.",
    "rejected_records": "Records that were left out of accepted requests (partial success).",
    "stored_records": "Log records, spans and metrics that the store has.",
    "stored_segments": "WAL segments that the store has.",
}
_LOADER_HELP = {
    "retries": "Attempts to store a segment that failed and were repeated.",
    "refused_segments": "Segments set aside because the store refuses their content.",
    "refused_records": "Records in segments that were set aside.",
}

_BREEZE_HELP = {
    "accepted_items": "Application Insights items that were made durable.",
    "rejected_items": "Application Insights items that were refused by their index.",
    "discarded_items": "Application Insights items that clients send for their maker (statsbeat).",
    "rejected_requests": "Application Insights requests that were refused as a whole.",
}


def render_prometheus(metrics: Metrics, usage: WalUsage) -> bytes:
    """Write all counters in Prometheus' text format, version 0.0.4."""
    lines: list[str] = []
    for name, help_text in _SIGNAL_HELP.items():
        rows = ((f'signal="{key}"', getattr(row, name)) for key, row in metrics.signals.items())
        lines += _family(f"stepsight_{name}_total", "counter", help_text, rows)
    rejected = (
        (f'signal="{signal}",reason="{reason}"', count)
        for (signal, reason), count in sorted(metrics.rejected.items())
    )
    help_text = "Requests that were refused."
    lines += _family("stepsight_rejected_requests_total", "counter", help_text, rejected)
    cut = (
        (f'reason="{reason}"', count) for reason, count in sorted(metrics.cut_connections.items())
    )
    help_text = "HTTP connections that were ended because of what their client did."
    lines += _family("stepsight_cut_connections_total", "counter", help_text, cut)
    for name, help_text in _LOADER_HELP.items():
        row = [("", getattr(metrics.loader, name))]
        lines += _family(f"stepsight_loader_{name}_total", "counter", help_text, row)
    for name, help_text in _BREEZE_HELP.items():
        row = [("", getattr(metrics.breeze, name))]
        lines += _family(f"stepsight_breeze_{name}_total", "counter", help_text, row)
    for name, help_text, value in (
        ("bytes", "Bytes in the write-ahead log that the store does not have yet.", usage.bytes),
        ("segments", "Sealed segments that the store does not have yet.", usage.segments),
        ("oldest_age_seconds", "Age of the oldest sealed segment.", usage.oldest_age_s),
    ):
        lines += _family(f"stepsight_wal_{name}", "gauge", help_text, [("", value)])
    return ("\n".join(lines) + "\n").encode()


def _family(name: str, kind: str, help_text: str, rows: Iterable[tuple[str, float]]) -> list[str]:
    values = [
        f"{name}{{{labels}}} {value}" if labels else f"{name} {value}" for labels, value in rows
    ]
    return [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *values]
