"""A body of `/v2/track` as OTLP requests: framing → envelope → record → request.

Pure: the same body becomes the same bytes, whatever the clock says, so that a resent body can be
recognised by its bytes. One request for each signal and project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepsight_collector.breeze import logs, points, spans
from stepsight_collector.breeze.dimensions import property_key
from stepsight_collector.breeze.envelope import Envelope, EnvelopeReader, is_statsbeat
from stepsight_collector.breeze.errors import ItemError
from stepsight_collector.breeze.fields import RESOURCE_TAGS
from stepsight_collector.breeze.framing import split_items
from stepsight_collector.breeze.wire import AttributeEncoder, block, utf8

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.wal import Signal

    # Project of an instrumentation key; None refuses its items.
    ProjectOf = Callable[[str], str | None]
    Process = tuple[tuple[str, str], ...]
    # Attributes of a resource, by project, key and process, as its exporter told them.
    Told = dict[tuple[str, str, Process], dict[str, Any]]

__all__ = ["OtlpRequest", "Translated", "translate"]

_LOGS = {
    "MessageData": logs.message_record,
    "ExceptionData": logs.exception_record,
    "EventData": logs.event_record,
    "PageViewData": logs.page_record,
    "PageViewPerfData": logs.page_record,
    "AvailabilityData": logs.availability_record,
}
_SPANS = {"RequestData": spans.request_span, "RemoteDependencyData": spans.dependency_span}
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class OtlpRequest:
    """One request for the write-ahead log, and the indexes of the items in it."""

    project: str
    signal: Signal
    body: bytes
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Translated:
    """What became of a body: every item is in a request, discarded, or in `errors` by its index.

    Requests come largest first: if one of them cannot be kept, it is most likely the first, and
    then nothing of the body was.
    """

    received: int
    requests: tuple[OtlpRequest, ...]
    errors: tuple[tuple[int, int, str], ...]
    discarded: int


def translate(body: bytes, project_of: ProjectOf) -> Translated:
    """Translate a body. Raises `MalformedError` if it cannot be split into items."""
    items = split_items(body)
    translation = _Translation(project_of)
    errors: list[tuple[int, int, str]] = []
    discarded = 0
    for index, item in enumerate(items):
        if is_statsbeat(item):
            discarded += 1
        elif problem := translation.take(index, item):
            errors.append((index, _BAD_REQUEST, problem))
    return Translated(len(items), translation.requests(), tuple(errors), discarded)


class _Translation:
    """What has been taken of one body."""

    def __init__(self, project_of: ProjectOf) -> None:
        self._project_of = project_of
        self._reader = EnvelopeReader(AttributeEncoder())
        self._collected: dict[tuple[str, Signal], _Collected] = {}
        self._told: Told = {}

    def take(self, index: int, item: Any) -> str | None:
        """Take an item; the answer is why it was not, and then nothing of it was taken."""
        try:
            envelope = self._reader.read(item)
            project = self._project_of(envelope.ikey)
            if project is None:
                return (
                    f"Instrumentation key '{envelope.ikey[:40]}' is not known here: "
                    "no project has it."
                )
            signal, scope, records = _records(envelope, self._reader)
        except ItemError as exc:
            return str(exc)
        except RecursionError:
            return "The item is nested too deeply."
        if scope == points.INTERNAL_SCOPE and points.is_resource(envelope.base):
            properties = envelope.base.get("properties")
            if isinstance(properties, dict):
                self._told[project, envelope.ikey, envelope.process] = properties
        key = (project, signal)
        if key not in self._collected:
            self._collected[key] = _Collected(project, signal)
        self._collected[key].add(index, envelope, scope, records)
        return None

    def requests(self) -> tuple[OtlpRequest, ...]:
        """Encode what was taken, the largest request first."""
        requests = [
            each.request(self._reader.encoder, self._told) for each in self._collected.values()
        ]
        return tuple(sorted(requests, key=lambda request: len(request.body), reverse=True))


def _records(envelope: Envelope, reader: EnvelopeReader) -> tuple[Signal, str, list[bytes]]:
    """Return signal, scope and encoded records of an envelope."""
    base_type, encoder = envelope.base_type, reader.encoder
    if base_type in _SPANS:
        return "traces", "", [_SPANS[base_type](envelope, encoder, reader)]
    if base_type == "MetricData":
        scope = points.INTERNAL_SCOPE if points.is_internal(envelope.base) else ""
        return "metrics", scope, points.metric_messages(envelope, encoder)
    record = _LOGS.get(base_type, logs.unknown_record)(envelope, encoder)
    return "logs", _logger_name(envelope.base), [record]


def _logger_name(base: dict[str, Any]) -> str:
    """Return the logger, which is OTLP's scope of a log record, where a client tells it."""
    properties = base.get("properties")
    name = properties.get("logger_name") if isinstance(properties, dict) else None
    return name if isinstance(name, str) else ""


class _Collected:
    """The records of one request: by resource, then by scope."""

    def __init__(self, project: str, signal: Signal) -> None:
        self._project = project
        self._signal: Signal = signal
        self._indexes: list[int] = []
        self._resources: dict[tuple[str, Process], dict[str, list[bytes]]] = {}

    def add(self, index: int, envelope: Envelope, scope: str, records: list[bytes]) -> None:
        """Add the records of one item."""
        self._indexes.append(index)
        scopes = self._resources.setdefault((envelope.ikey, envelope.process), {})
        scopes.setdefault(scope, []).extend(records)

    def request(self, encoder: AttributeEncoder, told: Told) -> OtlpRequest:
        """Encode the request. The numbers of these fields are the same for all three signals."""
        parts = []
        for (ikey, process), scopes in self._resources.items():
            properties = told.get((self._project, ikey, process), {})
            resource = _resource(encoder, ikey, process, properties)
            groups = [b"\x12" + block(_scope_group(name, each)) for name, each in scopes.items()]
            parts.append(b"\x0a" + block(b"\x0a" + block(resource) + b"".join(groups)))
        return OtlpRequest(self._project, self._signal, b"".join(parts), tuple(self._indexes))


def _scope_group(name: str, records: list[bytes]) -> bytes:
    parts = [b"\x0a" + block(b"\x0a" + block(utf8(name)))] if name else []
    for record in records:
        parts += (b"\x12", block(record))
    return b"".join(parts)


def _resource(
    encoder: AttributeEncoder, ikey: str, process: Process, told: dict[str, Any]
) -> bytes:
    """Encode a Resource: the tags of the process, then what its exporter told of it."""
    named = {RESOURCE_TAGS[tag]: text for tag, text in process}
    named["stepsight.instrumentation_key"] = ikey
    parts = [encoder.text(key, text) for key, text in named.items()]
    for name, value in told.items():
        if (key := property_key(name)) not in named:
            parts.append(encoder.value(key, value))
    return b"".join(b"\x0a" + part for part in parts)
