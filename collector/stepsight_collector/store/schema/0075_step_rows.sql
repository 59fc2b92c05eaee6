-- The view steps under the names and types of KQL.
CREATE VIEW step_rows AS
SELECT
    CAST(StartedAt, @utc) AS timestamp,
    RunId AS runId, StepId AS stepId, toString(StepName) AS stepName, toString(ExperimentName) AS experimentName,
    Status AS status, CAST(EndedAt, 'Nullable(DateTime64(9, \'UTC\'))') AS endTime, DurationS * 1000 AS duration,
    CAST(LastHeardAt, @utc) AS lastHeard, ifNull(Cause, '') AS cause, toString(OperationId) AS operation_Id,
    ExitCode AS exitCode, toString(ExitSignal) AS exitSignal, toString(Host) AS host, toInt64(MemoryPeakBytes) AS memoryPeakBytes,
    toInt64(LogRows) AS logRows, toInt64(WarningRows) AS warningRows, toInt64(ErrorRows) AS errorRows, toInt64(MetricRows) AS metricRows,
    toInt64(Spans) AS spans, toInt64(RecordsSent) AS recordsSent, toInt64(RecordsDropped) AS recordsDropped,
    ProjectId, RunId, StepId
FROM steps
