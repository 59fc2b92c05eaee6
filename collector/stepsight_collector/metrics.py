"""What the collector counts about itself.

Plain ints, changed on the event loop's thread only, read anywhere. Shown by exposition.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from stepsight_collector.wal import SIGNALS, Signal

__all__ = ["BreezeCounters", "Histogram", "LoaderCounters", "Metrics", "SignalCounters"]


@dataclass(slots=True)
class SignalCounters:
    """Counters of one signal since the start of the process."""

    received_requests: int = 0
    received_bytes: int = 0
    accepted_requests: int = 0
    accepted_records: int = 0
    accepted_bytes: int = 0
    rejected_records: int = 0
    resent_requests: int = 0
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


_MAX_AGENTS = 50
_MAX_AGENT_CHARS = 64
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
class BreezeCounters:
    """Items of the Application Insights protocol, and requests that could not be split."""

    accepted_items: int = 0
    rejected_items: int = 0
    discarded_items: int = 0
    rejected_requests: int = 0


@dataclass(slots=True)
class Metrics:
    """All counters.

    `rejected` counts requests by signal and reason, `shed` records, `cut_connections` by reason;
    `agents` requests by program, the first fifty of them by name.
    """

    signals: dict[Signal, SignalCounters] = field(
        default_factory=lambda: {signal: SignalCounters() for signal in SIGNALS}
    )
    rejected: Counter[tuple[Signal, str]] = field(default_factory=Counter)
    cut_connections: Counter[str] = field(default_factory=Counter)
    shed: Counter[tuple[Signal, str]] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    loader: LoaderCounters = field(default_factory=LoaderCounters)
    insert_s: dict[Signal, Histogram] = field(default_factory=_by_signal)
    freshness_s: dict[Signal, Histogram] = field(default_factory=_by_signal)
    breeze: BreezeCounters = field(default_factory=BreezeCounters)

    def count_rejected(self, signal: Signal, reason: str) -> None:
        """Count a refused request."""
        self.rejected[signal, reason] += 1

    def count_agent(self, client: str) -> None:
        """Count a request by the program that sent it: the first word of its User-Agent."""
        agent = client.partition(" ")[0][:_MAX_AGENT_CHARS] or "unknown"
        if agent not in self.agents and len(self.agents) >= _MAX_AGENTS:
            agent = "other"
        self.agents[agent] += 1

    def count_stored(self, signal: Signal, records: int) -> None:
        """Count a segment that is in the store."""
        self.signals[signal].stored_segments += 1
        self.signals[signal].stored_records += records
        self.loader.last_error = None
