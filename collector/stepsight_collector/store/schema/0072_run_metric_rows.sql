-- Our own: every value of run.log and its relatives.
CREATE VIEW runMetrics AS
SELECT
    CAST(Timestamp, @utc) AS timestamp, Name AS name, ColumnName AS column, Kind AS kind, toInt64(SeriesIndex) AS index,
    if(isNaN(Value) AND Text != '', NULL, Value) AS value, Text AS text,
    RunId AS runId, StepId AS stepId, StepName AS stepName, ExperimentName AS experimentName,
    ProjectId, RunId
FROM run_metrics
