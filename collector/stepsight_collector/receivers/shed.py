"""Leaves DEBUG records out of a request, when the disk is too full for them."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

__all__ = ["without_debug"]

_TRACE, _DEBUG4 = 1, 8  # severity numbers; 0 is a record whose sender does not say
_LIFECYCLE = "stepsight."


def without_debug(body: bytes) -> tuple[bytes, int]:
    """Return a logs request without records of severity 1 to 8, and how many they were.

    Lifecycle events stay whatever their severity is. Without such records the bytes are the same.
    """
    request = ExportLogsServiceRequest.FromString(body)
    shed = 0
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            kept = [
                record
                for record in scope.log_records
                if not _TRACE <= record.severity_number <= _DEBUG4
                or record.event_name.startswith(_LIFECYCLE)
            ]
            shed += len(scope.log_records) - len(kept)
            if len(kept) < len(scope.log_records):
                del scope.log_records[:]
                scope.log_records.extend(kept)
    return (request.SerializeToString(), shed) if shed else (body, 0)
