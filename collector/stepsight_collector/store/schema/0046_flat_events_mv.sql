CREATE MATERIALIZED VIEW flat_events_mv TO flat_events AS
SELECT ProjectId, ReceivedTimestamp, Timestamp, TraceId, EventName, RunId, StepId, StepName, ExperimentName, ResourceAttributes, LogAttributes
FROM flat_logs WHERE startsWith(EventName, 'stepsight.') AND RunId != ''
