"""Live metrics: the last samples of every process that posts them, in bounded memory.

A process pings; it posts once a second while it is told that somebody watches. Somebody watches
for as long as `read` is called. Kept nowhere else: what is not watched is not sent.

Not thread-safe: it lives on the collector's event loop.
Source: QuickPulse as the Azure Monitor exporter of OpenTelemetry speaks it.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from stepsight_collector.breeze.framing import split_items
from stepsight_collector.breeze.times import TimeReader
from stepsight_collector.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LiveMetrics"]

# Longer than the five seconds between two pings, so that a view that asks every few seconds does
# not lose its streams in between.
WATCHED_FOR_S = 15.0
KEPT_FOR_S = 120.0
MAX_STREAMS = 256
MAX_SAMPLES = 120
MAX_BYTES = 16 << 20
_MAX_NAME_CHARS = 256
_NAMES = {
    "role": "RoleName",
    "instance": "Instance",
    "machine": "MachineName",
    "sdk": "Version",
}


@dataclass(slots=True)
class _Stream:
    """One process. `samples` are JSON text, oldest first."""

    project: str
    names: dict[str, str]
    seen_at: float
    posted_at: str | None = None
    samples: deque[bytes] = field(default_factory=deque)


class LiveMetrics:
    """The streams of all processes. At most 256 of them, 120 samples each, 16 MiB together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._streams: OrderedDict[tuple[str, str], _Stream] = OrderedDict()
        self._bytes = 0
        self._watched_at: dict[str, float] = {}

    def is_watched(self, project: str) -> bool:
        """Tell whether somebody read the streams of a project within the last 15 seconds."""
        return self._clock() - self._watched_at.get(project, float("-inf")) <= WATCHED_FOR_S

    def ping(self, project: str, body: bytes) -> bool:
        """Note that a process is there; returns whether it shall post.

        Raises `MalformedError`.
        """
        for point in _points(body):
            self._touch(project, point)
        return self.is_watched(project)

    def post(self, project: str, body: bytes) -> bool:
        """Keep samples, one for each second; returns whether to go on. Raises `MalformedError`."""
        for point in _points(body):
            stream = self._touch(project, point)
            sample = _sample(point)
            stream.posted_at = point["Timestamp"] if _is_time(point.get("Timestamp")) else None
            stream.samples.append(sample)
            self._bytes += len(sample)
            while len(stream.samples) > MAX_SAMPLES:
                self._bytes -= len(stream.samples.popleft())
        self._shrink()
        return self.is_watched(project)

    def read(self, project: str) -> dict[str, Any]:
        """Return the streams of a project and count as a watcher for 15 seconds."""
        self._watched_at[project] = self._clock()
        self._forget_silent()
        return {
            "streams": [
                {
                    "stream_id": stream_id,
                    **stream.names,
                    "last_heard_s": round(self._clock() - stream.seen_at, 3),
                    "last_sample_at": stream.posted_at,
                    "samples": [orjson.loads(sample) for sample in stream.samples],
                }
                for (owner, stream_id), stream in self._streams.items()
                if owner == project
            ]
        }

    def _touch(self, project: str, point: dict[str, Any]) -> _Stream:
        """Find or open a stream, and make it the newest."""
        key = (project, _text(point, "StreamId"))
        stream = self._streams.pop(key, None)
        names = {name: _text(point, wire) for name, wire in _NAMES.items()}
        if stream is None:
            stream = _Stream(project, names, self._clock())
        stream.names, stream.seen_at = names, self._clock()
        self._streams[key] = stream
        while len(self._streams) > MAX_STREAMS:
            self._drop_oldest()
        return stream

    def _shrink(self) -> None:
        """Keep within the bytes: the stream that was silent for longest gives up first."""
        while self._bytes > MAX_BYTES:
            oldest = next(iter(self._streams.values()))
            if len(self._streams) > 1 or not oldest.samples:
                self._drop_oldest()
            else:
                self._bytes -= len(oldest.samples.popleft())

    def _forget_silent(self) -> None:
        while self._streams:
            oldest = next(iter(self._streams.values()))
            if self._clock() - oldest.seen_at <= KEPT_FOR_S:
                return
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, stream = self._streams.popitem(last=False)
        self._bytes -= sum(map(len, stream.samples))


def _points(body: bytes) -> list[dict[str, Any]]:
    """Return the monitoring points of a body: one object, or an array of them."""
    points = split_items(body)
    for point in points:
        if not isinstance(point, dict):
            raise MalformedError(f"A monitoring point must be an object, found {point!r:.60}.")
    return points


def _sample(point: dict[str, Any]) -> bytes:
    """Return what a view shows of a point, as JSON: time, metrics by name, documents."""
    metrics = point.get("Metrics")
    values = {
        _text(metric, "Name"): metric.get("Value")
        for metric in (metrics if isinstance(metrics, list) else ())
        if isinstance(metric, dict)
    }
    documents = point.get("Documents")
    sample = {
        "timestamp": point["Timestamp"] if _is_time(point.get("Timestamp")) else None,
        "metrics": values,
        "documents": documents if isinstance(documents, list) else [],
    }
    try:
        return orjson.dumps(sample)
    except (orjson.JSONEncodeError, RecursionError) as exc:
        raise MalformedError(f"A monitoring point cannot be kept: {exc}.") from exc


def _is_time(value: Any) -> bool:
    return TimeReader().unix_nano(value) is not None


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text.encode("utf-8", "replace").decode()[:_MAX_NAME_CHARS]
