"""What the collector counts about itself, and its Prometheus text.

Plain ints, changed on the event loop's thread only, read anywhere. Served at /metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stepsight_collector.wal import SIGNALS, Signal, WalUsage

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LoaderCounters", "Metrics", "SignalCounters", "render_prometheus"]


@dataclass(slots=True)
class SignalCounters:
    """Counters of one signal since the start of the process."""

    received_requests: int = 0
    received_bytes: int = 0
    accepted_requests: int = 0
    accepted_records: int = 0
    accepted_bytes: int = 0
    stored_records: int = 0
    stored_segments: int = 0


@dataclass(slots=True)
class LoaderCounters:
    """Counters that the loader increments. `last_error` is None after a success."""

    retries: int = 0
    refused_segments: int = 0
    refused_records: int = 0
    lost_records: int = 0
    last_error: str | None = None


# From an insert of a few records to a store that hangs.
_SECONDS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(slots=True)
class Histogram:
    """Counts of values by upper bound, inclusive; the last count is of values over every bound."""

    bounds: tuple[float, ...] = _SECONDS
    counts: list[int] = field(default_factory=lambda: [0] * (len(_SECONDS) + 1))
    sum: float = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


def _by_signal() -> dict[Signal, Histogram]:
    return {signal: Histogram() for signal in SIGNALS}


@dataclass(slots=True)
class Metrics:
    """All counters. `rejected` counts requests by signal and reason."""

    signals: dict[Signal, SignalCounters] = field(
        default_factory=lambda: {signal: SignalCounters() for signal in SIGNALS}
    )
    rejected: Counter[tuple[Signal, str]] = field(default_factory=Counter)
    loader: LoaderCounters = field(default_factory=LoaderCounters)
    insert_s: dict[Signal, Histogram] = field(default_factory=_by_signal)
    freshness_s: dict[Signal, Histogram] = field(default_factory=_by_signal)

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
    "stored_records": "Log records, spans and metrics that the store has.",
    "stored_segments": "WAL segments that the store has.",
}
_LOADER_HELP = {
    "retries": "Attempts to store a segment that failed and were repeated.",
    "refused_segments": "Segments of which the store refused requests.",
    "refused_records": "Records that were set aside because the store refuses their content.",
    "lost_records": "Records of segments whose file was gone before it was stored.",
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
    for name, help_text in _LOADER_HELP.items():
        row = [("", getattr(metrics.loader, name))]
        lines += _family(f"stepsight_loader_{name}_total", "counter", help_text, row)
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
