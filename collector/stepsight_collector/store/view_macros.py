"""Macros of the Application Insights views: the columns that all of them have.

SQL text only. An attribute map is named by its column: `LogAttributes`, `SpanAttributes`,
`Attributes`. What a view's filter should reach must be a plain column of its table, or an
expression on which the table has an index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["VIEW_CALLS", "VIEW_WORDS"]

_ESCAPE = "stepsight.property."
# Attributes that the columns of a view show, and which are no custom dimensions therefore
# (breeze/fields.py, and dimensions.py, which escapes properties of such a name).
_TOLD = (
    r"ai\\.|microsoft\\.(?:availability\\.|custom_measurements)|"
    r"exception\\.(?:type|message|stacktrace)$"
)
_OWN = rf"{_TOLD}|stepsight\\.(?:item|sample|exception|page|result|request|dependency|metric)\\."
# Properties that are escaped, by what is behind the escape (breeze/dimensions.py).
_ESCAPED = rf"stepsight\\.property\\.(?:stepsight\\.|{_TOLD})"
_IS_BREEZE = "mapContains(ResourceAttributes, 'stepsight.instrumentation_key')"
_BUCKETS = (
    (250, "<250ms"),
    (500, "250ms-500ms"),
    (1_000, "500ms-1sec"),
    (3_000, "1sec-3sec"),
    (7_000, "3sec-7sec"),
    (15_000, "7sec-15sec"),
    (30_000, "15sec-30sec"),
    (60_000, "30sec-1min"),
    (120_000, "1min-2min"),
    (300_000, "2min-5min"),
)


def _first(attributes: str, key: str, default: str) -> str:
    """SQL for an attribute if it is there, else `default`."""
    return f"if(mapContains({attributes}, {key}), {attributes}[{key}], {default})"


def _dimensions(attributes: str) -> str:
    """SQL for customDimensions: run identity, and the record's own attributes, which win.

    A property that is stored escaped wins over an attribute of its name.
    """
    plain = f"mapFilter((k, v) -> NOT match(k, '^(?:{_OWN}|{_ESCAPED})'), {attributes})"
    escaped = (
        f"mapApply((k, v) -> (substring(k, {len(_ESCAPE) + 1}), v), "
        f"mapFilter((k, v) -> startsWith(k, '{_ESCAPE}') AND match(k, '^(?:{_ESCAPED})'), "
        f"{attributes}))"
    )
    return f"mapUpdate(mapUpdate({_identity()}, {_as_texts(plain)}), {_as_texts(escaped)})"


def _plain_dimensions(attributes: str) -> str:
    """The same with all attributes under their own names: of records that stepsight itself made."""
    return f"mapUpdate({_identity()}, {_as_texts(attributes)})"


def _as_texts(attributes: str) -> str:
    return f"CAST({attributes}, 'Map(String, String)')"


def _identity() -> str:
    """SQL for what is known of the run, as dimensions."""
    # Taken out of the resource in one pass: four looked up by key cost as much as all else here.
    return (
        "mapConcat(mapFilter((k, v) -> v != '', map('parent_run_id', RunId, 'step_id', StepId, "
        "'step_name', toString(StepName), 'experiment_name', toString(ExperimentName))), "
        "CAST(mapFilter((k, v) -> v != '' AND k IN ('run_type', 'run_url', 'build_url', "
        "'build_version'), ResourceAttributes), 'Map(String, String)'))"
    )


def _measurements(attributes: str) -> str:
    name = "'microsoft.custom_measurements'"
    return f"if(mapContains({attributes}, {name}), {attributes}[{name}], NULL)"


def _run_dimension(attributes: str, key: str) -> str:
    """SQL for a dimension of the run that has no column: the record's own, else the resource's."""
    return f"if(mapContains({attributes}, {key}), {attributes}[{key}], ResourceAttributes[{key}])"


def _item_id(columns: str) -> str:
    """SQL for an id in the form of a GUID, made from what tells a row from all others."""
    return f"toString(reinterpretAsUUID(sipHash128({columns})))"


def _bucket(ms: str) -> str:
    """SQL for performanceBucket of a duration in milliseconds.

    Source: DurationBucketizer of Azure Monitor's exporter for Java.
    """
    tests = "".join(f"{ms} < {limit}, '{name}', " for limit, name in _BUCKETS)
    return f"multiIf({ms} IS NULL, '', {tests}'>=5min')"


def _user_columns(a: str) -> str:
    """Columns of the session, the user and the client, as Azure Monitor's exporter fills them."""
    columns = {
        "operation_SyntheticSource": (
            f"multiIf(mapContains({a}, 'ai.operation.syntheticSource'), "
            f"{a}['ai.operation.syntheticSource'], "
            f"NOT {_IS_BREEZE} AND mapContains({a}, 'user_agent.synthetic.type'), 'True', '')"
        ),
        "session_Id": _native(a, "ai.session.id", "session.id"),
        "user_Id": _native(a, "ai.user.id", "enduser.pseudo.id", "user.id"),
        "user_AuthenticatedId": _native(a, "ai.user.authUserId", "enduser.id"),
        "user_AccountId": f"{a}['ai.user.accountId']",
        "application_Version": "ResourceAttributes['service.version']",
        "client_Type": "ResourceAttributes['ai.device.type']",
        "client_Model": (
            "multiIf(mapContains(ResourceAttributes, 'ai.device.model'), "
            f"ResourceAttributes['ai.device.model'], {_IS_BREEZE}, '', "
            "ResourceAttributes['device.model.name'])"
        ),
        "client_OS": (
            "multiIf(mapContains(ResourceAttributes, 'ai.device.osVersion'), "
            f"ResourceAttributes['ai.device.osVersion'], {_IS_BREEZE}, '', "
            "ResourceAttributes['os.description'])"
        ),
        "client_IP": _native(
            a, "ai.location.ip", "client.address", "http.client_ip", "net.peer.ip"
        ),
        "client_City": f"{a}['ai.location.city']",
        "client_StateOrProvince": f"{a}['ai.location.province']",
        "client_CountryOrRegion": f"{a}['ai.location.country']",
        "client_Browser": "''",
        "cloud_RoleName": "ServiceName",
        "cloud_RoleInstance": (
            "multiIf(mapContains(ResourceAttributes, 'service.instance.id'), "
            f"ResourceAttributes['service.instance.id'], {_IS_BREEZE}, '', "
            "ResourceAttributes['host.name'])"
        ),
        "appId": (
            f"if({_IS_BREEZE}, ResourceAttributes['stepsight.instrumentation_key'], "
            "toString(ProjectId))"
        ),
        "appName": "ProjectId",
        "iKey": "ResourceAttributes['stepsight.instrumentation_key']",
        "sdkVersion": (
            "multiIf(mapContains(ResourceAttributes, 'ai.internal.sdkVersion'), "
            f"ResourceAttributes['ai.internal.sdkVersion'], {_IS_BREEZE}, '', "
            "trim(BOTH ':' FROM concat(ResourceAttributes['telemetry.sdk.name'], ':', "
            "ResourceAttributes['telemetry.sdk.version'])))"
        ),
    }
    return ",\n    ".join(f"{sql} AS {name}" for name, sql in columns.items())


def _native(attributes: str, tag: str, *names: str) -> str:
    """SQL for a tag of an envelope, or for what OpenTelemetry calls it on a record of its own."""
    found = "".join(
        f"mapContains({attributes}, '{name}'), {attributes}['{name}'], " for name in names
    )
    return (
        f"multiIf(mapContains({attributes}, '{tag}'), {attributes}['{tag}'], "
        f"{_IS_BREEZE}, '', {found}'')"
    )


def _run_columns(attributes: str) -> str:
    """Columns beside those of Application Insights: what filters and dimensions reach."""
    dimensions = ", ".join(
        f"{_run_dimension(attributes, repr(key))} AS {name}"
        for name, key in (
            ("RunUrl", "run_url"),
            ("BuildUrl", "build_url"),
            ("BuildVersion", "build_version"),
        )
    )
    return (
        "ProjectId, RunId, StepId, StepName, ExperimentName, RunType, "
        f"{dimensions}, {attributes} AS Attributes"
    )


def _log_columns(item_type: str) -> str:
    """The columns that views over otel_logs have in common."""
    a = "LogAttributes"
    return f"""{_item_id("'log', ProjectId, Timestamp, ReceivedTimestamp, Sequence")} AS itemId,
    {item_type} AS itemType,
    {_dimensions(a)} AS customDimensions,
    {_measurements(a)} AS customMeasurements,
    {a}['ai.operation.name'] AS operation_Name,
    if(empty(OperationText), TraceId, OperationText) AS operation_Id,
    {_first(a, "'ai.operation.parentId'", "SpanId")} AS operation_ParentId,
    {_user_columns(a)},
    CAST(ItemCount, 'Int32') AS itemCount,
    {_run_columns(a)}, Level, LevelName, Body, SeverityNumber, ReceivedTimestamp"""


def _span_columns(item_type: str) -> str:
    """The columns that views over otel_traces have in common; `name` is one of the view's own."""
    a = "SpanAttributes"
    return f"""{_item_id("'span', ProjectId, Timestamp, ReceivedTimestamp, Sequence")} AS itemId,
    {item_type} AS itemType,
    {_dimensions(a)} AS customDimensions,
    {_measurements(a)} AS customMeasurements,
    multiIf(mapContains({a}, 'ai.operation.name'), {a}['ai.operation.name'], {_IS_BREEZE}, '', name)
        AS operation_Name,
    if(empty(OperationText), TraceId, OperationText) AS operation_Id,
    {_first(a, "'ai.operation.parentId'", "ParentSpanId")} AS operation_ParentId,
    {_user_columns(a)},
    CAST(ItemCount, 'Int32') AS itemCount,
    {_run_columns(a)}, SpanKind, StatusCode, StatusMessage, ReceivedTimestamp"""


def _clock_ms(text: str) -> str:
    """SQL for a duration `[d.]hh:mm:ss[.fffffff]` in milliseconds, or NULL."""
    pattern = r"^(?:(\\d+)\\.)?(\\d+):(\\d+):(\\d+(?:\\.\\d+)?)$"
    parts = f"extractGroups({text}, '{pattern}')"
    return (
        f"if(empty({parts}), NULL, ((toUInt32OrZero({parts}[1]) * 24 + toUInt32OrZero({parts}[2])) "
        f"* 3600 + toUInt32OrZero({parts}[3]) * 60 + toFloat64OrZero({parts}[4])) * 1000)"
    )


def _quantile(quantile: str) -> str:
    """SQL for a summary's value at a quantile, or NULL."""
    place = f"indexOf(`ValueAtQuantiles.Quantile`, {quantile})"
    return f"if({place} = 0, NULL, `ValueAtQuantiles.Value`[{place}])"


# Columns that workspaces call otherwise.
_RENAMED = {
    "customDimensions": "Properties",
    "customMeasurements": "Measurements",
    "itemCount": "ItemCount",
    "operation_Name": "OperationName",
    "operation_Id": "OperationId",
    "operation_ParentId": "ParentId",
    "operation_SyntheticSource": "SyntheticSource",
    "session_Id": "SessionId",
    "user_Id": "UserId",
    "user_AuthenticatedId": "UserAuthenticatedId",
    "user_AccountId": "UserAccountId",
    "application_Version": "AppVersion",
    "client_Type": "ClientType",
    "client_Model": "ClientModel",
    "client_OS": "ClientOS",
    "client_IP": "ClientIP",
    "client_City": "ClientCity",
    "client_StateOrProvince": "ClientStateOrProvince",
    "client_CountryOrRegion": "ClientCountryOrRegion",
    "client_Browser": "ClientBrowser",
    "cloud_RoleName": "AppRoleName",
    "cloud_RoleInstance": "AppRoleInstance",
    "appId": "ResourceGUID",
    "iKey": "IKey",
    "sdkVersion": "SDKVersion",
}
_OF_ITEMS = ("customMeasurements", "itemCount")


def _workspace_columns(table: str) -> str:
    """The columns that workspace views have in common, over a classic view."""
    is_metric = table in {"'AppMetrics'", "'AppPerformanceCounters'"}
    renamed = ", ".join(
        f"{classic} AS {name}"
        for classic, name in _RENAMED.items()
        if not (is_metric and classic in _OF_ITEMS)
    )
    return (
        f"{table} AS Type, {renamed}, ProjectId AS TenantId, 'stepsight' AS SourceSystem, "
        "concat('/projects/', ProjectId) AS _ResourceId, '' AS _SubscriptionId, "
        "0.0 AS _BilledSize, 'False' AS _IsBillable, ProjectId, RunId, StepId, StepName, "
        "ExperimentName, RunType, RunUrl, BuildUrl, BuildVersion, Attributes"
    )


VIEW_WORDS = {
    "is_breeze": _IS_BREEZE,
    "utc": "'DateTime64(9, \\'UTC\\')'",
    # What the index on the length of ItemType serves: no type's name is as short as "trace".
    "is_no_trace": "length(ItemType) > 5",
    # As Azure Monitor's exporter maps OpenTelemetry's numbers, but none stays none.
    "severity_level": (
        "multiIf(SeverityNumber = 0, NULL, SeverityNumber <= 8, 0, SeverityNumber <= 12, 1, "
        "SeverityNumber <= 16, 2, SeverityNumber <= 20, 3, 4)::Nullable(Int32)"
    ),
}
VIEW_CALLS: dict[str, Callable[..., str]] = {
    "dimensions": _dimensions,
    "plain_dimensions": _plain_dimensions,
    "measurements": _measurements,
    "run_dimension": _run_dimension,
    "item_id": _item_id,
    "bucket": _bucket,
    "user_columns": _user_columns,
    "run_columns": _run_columns,
    "log_columns": _log_columns,
    "workspace_columns": _workspace_columns,
    "first": _first,
    "span_columns": _span_columns,
    "clock_ms": _clock_ms,
    "quantile": _quantile,
    # The engine writes a slash as \\/ unless a setting says otherwise.
    "json": lambda x: f"replaceAll(toJSONString({x}), '\\\\/', '/')",
}
