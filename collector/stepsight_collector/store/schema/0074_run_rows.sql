-- The view runs under the names and types of KQL.
CREATE VIEW run_rows AS
SELECT
    CAST(StartedAt, @utc) AS timestamp, toString(Name) AS name,
    RunId AS runId, toString(ExperimentName) AS experimentName,
    Status AS status, CAST(EndedAt, 'Nullable(DateTime64(9, \'UTC\'))') AS endTime, DurationS * 1000 AS duration,
    CAST(LastHeardAt, @utc) AS lastHeard, ifNull(Cause, '') AS cause, toString(OperationId) AS operation_Id,
    toInt64(Steps) AS steps, toInt64(StepsFailed) AS stepsFailed,
    toInt64(LogRows) AS logRows, toInt64(WarningRows) AS warningRows, toInt64(ErrorRows) AS errorRows, toInt64(MetricRows) AS metricRows,
    ProjectId, RunId
FROM runs
