CREATE MATERIALIZED VIEW run_metrics_mv TO run_metrics AS
SELECT
    ProjectId, RunId, StepId, StepName, ExperimentName, MetricName AS Name,
    Attributes['stepsight.metric.column'] AS ColumnName, Attributes['stepsight.metric.kind'] AS Kind,
    toUInt64OrZero(Attributes['stepsight.metric.index']) AS SeriesIndex,
    TimeUnix AS Timestamp, Value, Attributes['stepsight.metric.text'] AS Text, ReceivedTimestamp
FROM flat_gauge WHERE ScopeName = 'stepsight.run' AND RunId != ''
