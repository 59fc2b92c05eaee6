"""Tell whether a request is valid, how many records it has, whether it holds nested values.

Answered by the native library where that is sure, else by protobuf's C parser alone, about 0.5 µs a
record; a Python loop over records would cost twenty times that. Bytes in, numbers out: nothing of
the parsed message leaves this module.

A nested value (a list or a map as attribute value or body) cannot be expressed in the store's
schema, so the loader rewrites requests that have one. Both ways to notice one are the parser's:

* *Required field.* In copies of the OTLP descriptors, lists and maps are messages with a required
  field that nobody sends: `IsInitialized()` is false exactly if one occurs. Exact, but walking
  the message costs twice its parsing (930 against 510 µs for 1,000 records).
* *Depth.* The parser refuses more than 100 levels. A request wrapped into so many groups that an
  attribute's plain value is the last level allowed parses exactly if it has no nested value.
  Costs 16 µs a request. Larger requests go this way, and what is refused is looked at exactly.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from stepsight_collector import native
from stepsight_collector.errors import MalformedError, TooLargeError
from stepsight_collector.wal.record import encode_varint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import FileDescriptor
    from google.protobuf.message import Message

    from stepsight_collector.wal import Signal

__all__ = ["MAX_GROUPS", "REQUEST_TYPES", "Checked", "check"]

REQUEST_TYPES: dict[Signal, type[Message]] = {
    "logs": logs_service_pb2.ExportLogsServiceRequest,
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
}

_LISTS: dict[Signal, tuple[str, str, str]] = {
    "logs": ("resource_logs", "scope_logs", "log_records"),
    "traces": ("resource_spans", "scope_spans", "spans"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
}
# Field numbers from the request down to an attribute's value: resource, scope, record, attribute,
# value; a metric has its data and their points in between.
_VALUE_PATHS: dict[Signal, tuple[int, ...]] = {
    "logs": (1, 2, 2, 6, 2),
    "traces": (1, 2, 2, 9, 2),
    "metrics": (1, 2, 2, 5, 1, 7, 2),
}
# Resources in a request, scopes in a resource: each costs half a microsecond of Python.
MAX_GROUPS = 65_536
_LIST = b"\x2a\x00"  # an empty list, in a value
_PARSER_LEVELS = 100
_WRAPPED_FROM_BYTES = 4_096  # about 20 records: below, looking exactly is cheaper than wrapping

_FIRST_FREE = 20_000  # numbers from 19,000 on are protobuf's own
_NEVER_SENT = 536_870_911  # the largest field number there is


@dataclass(frozen=True, slots=True)
class Checked:
    """What the loader must know of a request.

    `records` counts log records, spans or metrics (not their data points). An empty list or map
    as the body of a log record may count as nested or not: it has no bytes to rewrite.
    """

    records: int
    nested: bool


def check(signal: Signal, body: bytes) -> Checked:
    """Validate a request and count its records.

    Raises `MalformedError` if it is no such protobuf message, has text that is not UTF-8, or
    nests deeper than the parser allows. Thread-safe.
    """
    records = native.check(signal, body, len(body))
    return _parsed(signal, body) if records is None else Checked(records, nested=False)


def _parsed(signal: Signal, body: bytes) -> Checked:
    """Have protobuf's parser decide."""
    shape = _shapes()[signal]
    is_wrapped = shape.is_wrapping_sound and len(body) >= _WRAPPED_FROM_BYTES
    request = shape.parse_flat(body) if is_wrapped else None
    if request is not None:
        return Checked(*_count(signal, request, look_at_records=False))
    try:
        request = shape.exact.FromString(body)
        records, nested = _count(signal, request, look_at_records=True)
        if nested:  # the copy does not look into lists and maps
            REQUEST_TYPES[signal].FromString(body)
    except DecodeError as exc:
        name = REQUEST_TYPES[signal].DESCRIPTOR.name
        reason = str(exc).rpartition(": ")[2]
        raise MalformedError(
            f"The body is not a protobuf {name}: {reason}. It was not kept; do not send it again."
        ) from exc
    return Checked(records, nested)


def _count(signal: Signal, request: Any, *, look_at_records: bool) -> tuple[int, bool]:
    """Count records, and look for nested values in what the levels do not tell."""
    of_resources, of_scopes, of_records = _LISTS[signal]
    records, nested = 0, look_at_records and not request.IsInitialized()
    resources = getattr(request, of_resources)
    _limit_groups(len(resources))
    for resource in resources:
        _limit_groups(len(getattr(resource, of_scopes)))
        nested = nested or not resource.resource.IsInitialized()
        for scope in getattr(resource, of_scopes):
            nested = nested or not scope.scope.IsInitialized()
            records += len(getattr(scope, of_records))
    return records, nested


def _limit_groups(count: int) -> None:
    if count > MAX_GROUPS:
        raise TooLargeError(
            f"The request has {count} resources or scopes, the limit is {MAX_GROUPS}. "
            "Send it in smaller parts."
        )


class _Shape:
    """The parsers of one signal: `exact`, and the wrapping that admits only flat values."""

    def __init__(self, signal: Signal, pool: descriptor_pool.DescriptorPool) -> None:
        name = REQUEST_TYPES[signal].DESCRIPTOR.full_name
        self.exact: Any = _class(pool, name)
        depth = _PARSER_LEVELS - len(_VALUE_PATHS[signal]) - 1
        # Random, so that no body can end the group it stands in and begin it again.
        number = _FIRST_FREE + secrets.randbelow(_NEVER_SENT - _FIRST_FREE)
        self._wrapper: Any = _class(pool, _add_wrapper(pool, name, number))
        self._prefix = b"\x0b" * depth + encode_varint(number << 3 | 3)
        self._suffix = encode_varint(number << 3 | 4) + b"\x0c" * depth
        self._unwrap = attrgetter("deeper." * depth + "request")
        # Should a version of protobuf count levels in another way, looking exactly is left.
        self.is_wrapping_sound = (
            self.parse_flat(_sample(signal, b"")) is not None
            and self.parse_flat(_sample(signal, _LIST)) is None
        )

    def parse_flat(self, body: bytes) -> Message | None:
        """Parse a request without nested values; None for every other."""
        try:
            wrapper = self._wrapper.FromString(b"".join((self._prefix, body, self._suffix)))
        except DecodeError:
            return None
        request: Message = self._unwrap(wrapper)
        return request


def _sample(signal: Signal, value: bytes) -> bytes:
    """Build a request with one attribute that has this value."""
    for number in reversed(_VALUE_PATHS[signal]):
        value = bytes((number << 3 | 2, len(value))) + value
    return value


@cache
def _shapes() -> dict[Signal, _Shape]:
    """Build the parsers at first use: about 5 ms, and nothing at import."""
    pool = descriptor_pool.DescriptorPool()
    nested = descriptor_pb2.FileDescriptorProto(
        name="stepsight/nested.proto", package="stepsight", syntax="proto2"
    )
    message = nested.message_type.add(name="Nested")
    message.field.add(name="never_sent", number=_NEVER_SENT, label=2, type=8)
    # A body stands one level higher than an attribute's value: its elements are the level too many.
    element = ".stepsight.Nested.Element"
    message.nested_type.add(name="Element")
    message.field.add(name="elements", number=1, label=3, type=11, type_name=element)
    pool.AddSerializedFile(nested.SerializeToString())
    files = [request.DESCRIPTOR.file for request in REQUEST_TYPES.values()]
    for file in dict.fromkeys(each for root in files for each in _with_dependencies(root)):
        pool.AddSerializedFile(_rewritten(file).SerializeToString())
    return {signal: _Shape(signal, pool) for signal in REQUEST_TYPES}


def _with_dependencies(file: Any) -> Iterator[FileDescriptor]:
    for dependency in file.dependencies:
        yield from _with_dependencies(dependency)
    yield file


def _rewritten(file: FileDescriptor) -> descriptor_pb2.FileDescriptorProto:
    """Copy a file; lists and maps in `AnyValue` become `Nested`."""
    copy = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copy)
    for message in copy.message_type:
        for field in message.field:
            if message.name == "AnyValue" and field.name in {"array_value", "kvlist_value"}:
                field.type_name = ".stepsight.Nested"
                if "stepsight/nested.proto" not in copy.dependency:
                    copy.dependency.append("stepsight/nested.proto")
    return copy


def _add_wrapper(pool: descriptor_pool.DescriptorPool, request: str, number: int) -> str:
    """Define a message that holds itself or a request, both as groups: they need no length."""
    name = "Wrapped" + request.rpartition(".")[2]
    file = descriptor_pb2.FileDescriptorProto(
        name=f"stepsight/{name}.proto", package="stepsight", syntax="proto2"
    )
    file.dependency.append(pool.FindMessageTypeByName(request).file.name)
    message = file.message_type.add(name=name)
    message.field.add(name="deeper", number=1, label=1, type=10, type_name=f".stepsight.{name}")
    message.field.add(name="request", number=number, label=1, type=10, type_name=f".{request}")
    pool.AddSerializedFile(file.SerializeToString())
    return f"stepsight.{name}"


def _class(pool: descriptor_pool.DescriptorPool, name: str) -> type[Message]:
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
