-- Counts and times of all log records; cheap, because every record passes here. What events say is in the next view.
CREATE MATERIALIZED VIEW step_states_logs_mv TO step_states AS
SELECT
    ProjectId, RunId, StepId,
    max(toString(f.StepName)) AS StepName,
    max(toString(f.ExperimentName)) AS ExperimentName,
    min(Timestamp) AS FirstSeen,
    max(Timestamp) AS LastSeen,
    max(ReceivedTimestamp) AS LastReceived,
    countIf(NOT startsWith(EventName, 'stepsight.') AS is_row) AS LogRows,
    countIf(is_row AND SeverityNumber BETWEEN 13 AND 16) AS WarningRows,
    countIf(is_row AND SeverityNumber >= 17) AS ErrorRows
FROM flat_logs AS f
WHERE RunId != ''
GROUP BY ProjectId, RunId, StepId
