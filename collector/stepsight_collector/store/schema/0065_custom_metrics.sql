-- Application Insights, classic table customMetrics: every data point of every kind. A sum is what was sent: cumulative or a
-- difference. A point without a recorded value has null; what one client left out of an aggregate is its value, as Azure has it.
CREATE VIEW customMetrics AS
SELECT
    timestamp,
    name,
    value,
    valueCount,
    value AS valueSum,
    if(low IS NULL AND @is_breeze, value, low) AS valueMin,
    if(high IS NULL AND @is_breeze, value, high) AS valueMax,
    toFloat64OrNull(Attributes['stepsight.metric.std_dev']) AS valueStdDev,
    itemId,
    'customMetric' AS itemType,
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
        CAST(TimeUnix, @utc) AS timestamp, toString(MetricName) AS name, if(bitAnd(Flags, 1) = 1, NULL, Value) AS value, 1::Int32 AS valueCount, value AS low, value AS high,
        @item_id('gauge', ProjectId, TimeUnix, ReceivedTimestamp, Sequence, MetricName) AS itemId, Attributes, ResourceAttributes, ServiceName,
        ProjectId, RunId, StepId, StepName, ExperimentName
    FROM otel_metrics_gauge WHERE ItemType = 'customMetric'
    UNION ALL
    SELECT
        CAST(TimeUnix, @utc) AS timestamp, toString(MetricName) AS name, if(bitAnd(Flags, 1) = 1, NULL, Value) AS value, 1::Int32 AS valueCount, value AS low, value AS high,
        @item_id('sum', ProjectId, TimeUnix, ReceivedTimestamp, Sequence, MetricName) AS itemId, Attributes, ResourceAttributes, ServiceName,
        ProjectId, RunId, StepId, StepName, ExperimentName
    FROM otel_metrics_sum WHERE ItemType = 'customMetric'
    UNION ALL
    SELECT
        CAST(TimeUnix, @utc) AS timestamp, toString(MetricName) AS name, Sum AS value, toInt32(least(Count, 2147483647)) AS valueCount, Min AS low, Max AS high,
        @item_id('histogram', ProjectId, TimeUnix, ReceivedTimestamp, Sequence, MetricName) AS itemId, Attributes, ResourceAttributes, ServiceName,
        ProjectId, RunId, StepId, StepName, ExperimentName
    FROM otel_metrics_histogram WHERE ItemType = 'customMetric'
    UNION ALL
    SELECT
        CAST(TimeUnix, @utc) AS timestamp, toString(MetricName) AS name, Sum AS value, toInt32(least(Count, 2147483647)) AS valueCount, Min AS low, Max AS high,
        @item_id('exponential_histogram', ProjectId, TimeUnix, ReceivedTimestamp, Sequence, MetricName) AS itemId, Attributes, ResourceAttributes, ServiceName,
        ProjectId, RunId, StepId, StepName, ExperimentName
    FROM otel_metrics_exponential_histogram WHERE ItemType = 'customMetric'
    UNION ALL
    SELECT
        CAST(TimeUnix, @utc) AS timestamp, toString(MetricName) AS name, CAST(Sum, 'Nullable(Float64)') AS value, toInt32(least(Count, 2147483647)) AS valueCount,
        @quantile(0) AS low, @quantile(1) AS high,
        @item_id('summary', ProjectId, TimeUnix, ReceivedTimestamp, Sequence, MetricName) AS itemId, Attributes, ResourceAttributes, ServiceName,
        ProjectId, RunId, StepId, StepName, ExperimentName
    FROM otel_metrics_summary WHERE ItemType = 'customMetric'
)
