"""The mapping table: which field of an envelope becomes what in OTLP, and which column shows it.

Data only. The converters take the names of attributes from here, `make docs` makes the tables of
docs/reference/breeze-mapping.md, and a test sends every field and looks for it where its row says.

Source: columns as in Application Insights' classic tables; the workspace tables rename them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BASES",
    "ENVELOPE",
    "ITEM_COUNT",
    "ITEM_ID",
    "ITEM_TYPE",
    "ITEM_TYPES",
    "MEASUREMENTS",
    "METRIC_POINT",
    "RAW_ENVELOPE",
    "RAW_FIELD",
    "RAW_POINT",
    "RAW_TAG",
    "RESOURCE_TAGS",
    "SAMPLE_RATE",
    "TAGS",
    "Field",
]

Kind = Literal["text", "truth", "ms", "number", "json", "own"]

ITEM_ID, ITEM_TYPE, ITEM_COUNT = "stepsight.item.id", "stepsight.item.type", "stepsight.item.count"
SAMPLE_RATE = "stepsight.sample.rate"
MEASUREMENTS = "microsoft.custom_measurements"
# What has no row below, or not the form that its row wants, is kept under these and its own name.
RAW_ENVELOPE, RAW_TAG = "stepsight.envelope.", "stepsight.tag."
RAW_FIELD, RAW_POINT = "stepsight.breeze.", "stepsight.breeze.metric."

# Column itemType of log records. A trace needs no mark, it is what any log record is; for spans the
# kind tells, for metrics only performance counters are marked.
ITEM_TYPES = {
    "ExceptionData": "exception",
    "EventData": "customEvent",
    "PageViewData": "pageView",
    "PageViewPerfData": "browserTiming",
    "AvailabilityData": "availabilityResult",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One row. `kind` "own" means that its converter deals with it, else `target` is an attribute.

    Kinds: text (scalars as JSON spells them), truth (a bool), ms (a duration as milliseconds),
    number (a double), json (JSON text).
    """

    name: str
    target: str
    column: str
    kind: Kind = "own"


ENVELOPE = (
    Field("time", "time_unix_nano, start_time_unix_nano", "timestamp"),
    Field("iKey", "resource stepsight.instrumentation_key", "iKey, appId, appName"),
    Field("sampleRate", f"{ITEM_COUNT}, {SAMPLE_RATE}; absent at 100", "itemCount"),
    Field("tags", "see tags", ""),
    Field("name", "not kept: data.baseType says it", ""),
    Field("ver", "not kept: always 1", ""),
    Field("data", "see below", "itemType"),
)

# Of the process: attributes of the resource.
RESOURCE_TAGS = {
    "ai.cloud.role": "service.name",
    "ai.cloud.roleInstance": "service.instance.id",
    "ai.application.ver": "service.version",
    "ai.cloud.roleVer": "ai.cloud.roleVer",
    "ai.cloud.location": "ai.cloud.location",
    "ai.device.id": "ai.device.id",
    "ai.device.ip": "ai.device.ip",
    "ai.device.language": "ai.device.language",
    "ai.device.locale": "ai.device.locale",
    "ai.device.machineName": "ai.device.machineName",
    "ai.device.model": "ai.device.model",
    "ai.device.network": "ai.device.network",
    "ai.device.oemName": "ai.device.oemName",
    "ai.device.os": "ai.device.os",
    "ai.device.osVersion": "ai.device.osVersion",
    "ai.device.roleInstance": "ai.device.roleInstance",
    "ai.device.roleName": "ai.device.roleName",
    "ai.device.screenResolution": "ai.device.screenResolution",
    "ai.device.type": "ai.device.type",
    "ai.device.vmName": "ai.device.vmName",
    "ai.internal.agentVersion": "ai.internal.agentVersion",
    "ai.internal.nodeName": "ai.internal.nodeName",
    "ai.internal.sdkVersion": "ai.internal.sdkVersion",
}

# Every other tag is an attribute of the record, under its own name if that begins with "ai.".
TAGS = (
    Field(
        "ai.operation.id",
        "trace_id; the text too if it is not 32 hex digits; of a metric the text alone",
        "operation_Id",
    ),
    Field(
        "ai.operation.parentId",
        "span_id of a log record, parent_span_id of a span; "
        "the text too if it is not 16 hex digits; of a metric the text alone",
        "operation_ParentId",
    ),
    Field("ai.operation.name", "ai.operation.name", "operation_Name"),
    Field("ai.operation.syntheticSource", "ai.operation.syntheticSource",
          "operation_SyntheticSource"),
    Field("ai.session.id", "ai.session.id", "session_Id"),
    Field("ai.user.id", "ai.user.id", "user_Id"),
    Field("ai.user.authUserId", "ai.user.authUserId", "user_AuthenticatedId"),
    Field("ai.user.accountId", "ai.user.accountId", "user_AccountId"),
    Field("ai.location.ip", "ai.location.ip", "client_IP"),
    Field("ai.location.city", "ai.location.city", "client_City"),
    Field("ai.location.province", "ai.location.province", "client_StateOrProvince"),
    Field("ai.location.country", "ai.location.country", "client_CountryOrRegion"),
    Field("ai.cloud.role", "resource service.name", "cloud_RoleName"),
    Field("ai.cloud.roleInstance", "resource service.instance.id", "cloud_RoleInstance"),
    Field("ai.application.ver", "resource service.version", "application_Version"),
    Field("ai.device.type", "resource ai.device.type", "client_Type"),
    Field("ai.device.model", "resource ai.device.model", "client_Model"),
    Field("ai.device.osVersion", "resource ai.device.osVersion", "client_OS"),
    Field("ai.internal.sdkVersion", "resource ai.internal.sdkVersion", "sdkVersion"),
)  # fmt: skip

_COMMON = (
    Field("properties", "attributes, each under its own name", "customDimensions"),
    Field("measurements", MEASUREMENTS, "customMeasurements", "json"),
    Field("ver", "not kept: always 2", ""),
)

BASES: dict[str, tuple[Field, ...]] = {
    "MessageData": (
        Field("message", "body", "message"),
        Field("severityLevel", "severity_number, severity_text", "severityLevel"),
        *_COMMON,
    ),
    "ExceptionData": (
        Field("exceptions", "exception.type, exception.message, exception.stacktrace, body of the "
              "first one; stepsight.exception.details has them all",
              "type, message, assembly, method, outer…, innermost…, details"),
        Field("severityLevel", "severity_number, severity_text", "severityLevel"),
        Field("problemId", "stepsight.exception.problem_id", "problemId", "text"),
        Field("handledAt", "stepsight.exception.handled_at", "handledAt", "text"),
        *_COMMON,
    ),
    "EventData": (Field("name", "event_name", "name"), *_COMMON),
    "PageViewData": (
        Field("id", ITEM_ID, "id", "text"),
        Field("name", "body", "name"),
        Field("url", "stepsight.page.url", "url", "text"),
        Field("duration", "stepsight.item.duration_ms", "duration, performanceBucket", "ms"),
        Field("referredUri", "stepsight.page.referrer", "", "text"),
        *_COMMON,
    ),
    "PageViewPerfData": (
        Field("id", ITEM_ID, "", "text"),
        Field("name", "body", "name"),
        Field("url", "stepsight.page.url", "url", "text"),
        Field("duration", "stepsight.item.duration_ms", "", "ms"),
        Field("perfTotal", "stepsight.page.total_ms", "totalDuration, performanceBucket", "ms"),
        Field("networkConnect", "stepsight.page.network_ms", "networkDuration", "ms"),
        Field("sentRequest", "stepsight.page.send_ms", "sendDuration", "ms"),
        Field("receivedResponse", "stepsight.page.receive_ms", "receiveDuration", "ms"),
        Field("domProcessing", "stepsight.page.processing_ms", "processingDuration", "ms"),
        *_COMMON,
    ),
    "AvailabilityData": (
        Field("id", "microsoft.availability.id", "id", "text"),
        Field("name", "body, microsoft.availability.name", "name"),
        Field("duration", "stepsight.item.duration_ms", "duration, performanceBucket", "ms"),
        Field("success", "microsoft.availability.success", "success", "truth"),
        Field("runLocation", "microsoft.availability.runLocation", "location", "text"),
        Field("message", "microsoft.availability.message", "message", "text"),
        *_COMMON,
    ),
    "RequestData": (
        Field("id", f"span_id; {ITEM_ID} too if it is not 16 hex digits", "id"),
        Field("name", "span name", "name"),
        Field("duration", "end_time_unix_nano", "duration, performanceBucket"),
        Field("success", "status: ERROR if false", "success"),
        Field("responseCode", "stepsight.result.code", "resultCode", "text"),
        Field("source", "stepsight.request.source", "source", "text"),
        Field("url", "stepsight.request.url", "url", "text"),
        *_COMMON,
    ),
    "RemoteDependencyData": (
        Field("id", f"span_id; {ITEM_ID} too if it is not 16 hex digits", "id"),
        Field("name", "span name", "name"),
        Field("duration", "end_time_unix_nano", "duration, performanceBucket"),
        Field("success", "status: ERROR if false", "success"),
        Field("resultCode", "stepsight.result.code", "resultCode", "text"),
        Field("type", "stepsight.dependency.type, span kind", "type", "text"),
        Field("target", "stepsight.dependency.target", "target", "text"),
        Field("data", "stepsight.dependency.data", "data", "text"),
        *_COMMON,
    ),
    "MetricData": (
        Field("metrics", "one metric with one data point each, see metrics", ""),
        *_COMMON,
    ),
}  # fmt: skip

# Fields of each element of MetricData.metrics. With a count other than 1, a minimum, a maximum or
# a deviation it is an aggregate and becomes a histogram point without buckets, else a gauge point.
METRIC_POINT = (
    Field("name", "metric name", "name; category, instance, counter"),
    Field("ns", "stepsight.metric.namespace; absent if it is the name", "", "text"),
    Field("value", "gauge value, or histogram sum", "value, valueSum"),
    Field("count", "histogram count", "valueCount"),
    Field("min", "histogram min", "valueMin"),
    Field("max", "histogram max", "valueMax"),
    Field("stdDev", "stepsight.metric.std_dev", "valueStdDev"),
)
