CREATE MATERIALIZED VIEW step_states_traces_mv TO step_states AS
SELECT
    ProjectId, RunId, StepId, max(toString(f.StepName)) AS StepName, max(toString(f.ExperimentName)) AS ExperimentName, max(TraceId) AS OperationId,
    min(Timestamp) AS FirstSeen, max(Timestamp) AS LastSeen, max(ReceivedTimestamp) AS LastReceived, count() AS Spans
FROM flat_traces AS f
WHERE RunId != ''
GROUP BY ProjectId, RunId, StepId
