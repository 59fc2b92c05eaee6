CREATE MATERIALIZED VIEW step_states_metrics_mv TO step_states AS
SELECT
    ProjectId, RunId, StepId, max(toString(f.StepName)) AS StepName, max(toString(f.ExperimentName)) AS ExperimentName,
    min(TimeUnix) AS FirstSeen, max(TimeUnix) AS LastSeen, max(ReceivedTimestamp) AS LastReceived, countIf(ScopeName = 'stepsight.run') AS MetricRows
FROM flat_gauge AS f
WHERE RunId != ''
GROUP BY ProjectId, RunId, StepId
