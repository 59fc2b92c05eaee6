-- Application Insights, classic table performanceCounters: `\category(instance)\counter`, and OpenTelemetry's metrics of process
-- and system, which are in customMetrics too.
CREATE VIEW performanceCounters AS
WITH
    extractGroups(metric, '^\\\\([^\\(]*)(?:\\(([^)]*)\\))?\\\\(.*)$') AS parts,
    notEmpty(parts) AS is_path
SELECT
    timestamp,
    if(is_path, parts[3], metric) AS name,
    multiIf(is_path, parts[1], position(metric, '.') > 0, substringIndex(metric, '.', 1), '') AS category,
    multiIf(is_path, parts[3], position(metric, '.') > 0, substring(metric, position(metric, '.') + 1), metric) AS counter,
    if(is_path, parts[2], '') AS instance,
    value,
    itemId,
    'performanceCounter' AS itemType,
    @dimensions(Attributes) AS customDimensions,
    Attributes['ai.operation.name'] AS operation_Name,
    Attributes['ai.operation.id'] AS operation_Id,
    Attributes['ai.operation.parentId'] AS operation_ParentId,
    @user_columns(Attributes),
    ProjectId, RunId, StepId, StepName, ExperimentName,
    @run_dimension(Attributes, 'run_type') AS RunType, @run_dimension(Attributes, 'run_url') AS RunUrl,
    @run_dimension(Attributes, 'build_url') AS BuildUrl, @run_dimension(Attributes, 'build_version') AS BuildVersion,
    Attributes
FROM
(
    SELECT
        CAST(TimeUnix, @utc) AS timestamp, toString(MetricName) AS metric, if(bitAnd(Flags, 1) = 1, NULL, Value) AS value,
        @item_id('counter', 'gauge', ProjectId, TimeUnix, ReceivedTimestamp, Sequence, MetricName) AS itemId, Attributes, ResourceAttributes, ServiceName,
        ProjectId, RunId, StepId, StepName, ExperimentName
    FROM otel_metrics_gauge WHERE ItemType = 'performanceCounter' OR (ItemType = 'customMetric' AND (startsWith(MetricName, 'process.') OR startsWith(MetricName, 'system.')))
    UNION ALL
    SELECT
        CAST(TimeUnix, @utc) AS timestamp, toString(MetricName) AS metric, if(bitAnd(Flags, 1) = 1, NULL, Value) AS value,
        @item_id('counter', 'sum', ProjectId, TimeUnix, ReceivedTimestamp, Sequence, MetricName) AS itemId, Attributes, ResourceAttributes, ServiceName,
        ProjectId, RunId, StepId, StepName, ExperimentName
    FROM otel_metrics_sum WHERE (ItemType = 'customMetric' AND (startsWith(MetricName, 'process.') OR startsWith(MetricName, 'system.')))
    UNION ALL
    SELECT
        CAST(TimeUnix, @utc) AS timestamp, toString(MetricName) AS metric, Sum AS value,
        @item_id('counter', 'histogram', ProjectId, TimeUnix, ReceivedTimestamp, Sequence, MetricName) AS itemId, Attributes, ResourceAttributes, ServiceName,
        ProjectId, RunId, StepId, StepName, ExperimentName
    FROM otel_metrics_histogram WHERE ItemType = 'performanceCounter'
)
