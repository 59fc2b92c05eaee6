CREATE MATERIALIZED VIEW run_states_mv TO run_states AS
WITH
    EventName = 'stepsight.run.start' AS is_start,
    EventName = 'stepsight.run.end' AS is_end,
    LogAttributes['exception.message'] AS message,
    LogAttributes['exception.type'] AS type
SELECT
    ProjectId, RunId,
    max(LogAttributes['stepsight.run.name']) AS Name,
    max(TraceId) AS OperationId,
    max(ReceivedTimestamp) AS LastHeartbeat,
    min(if(is_start, Timestamp, NULL)) AS FirstStart,
    max(if(is_start, Timestamp, NULL)) AS LastStart,
    max(if(is_end, Timestamp, NULL)) AS LastEnd,
    max(toFloat64OrZero(LogAttributes['stepsight.heartbeat.interval_s'])) AS HeartbeatIntervalS,
    argMaxState(
        tuple(LogAttributes['stepsight.status'], multiIf(type = '', message, message = '', type, concat(type, ': ', message)))::Tuple(Status String, Cause String),
        if(is_end, Timestamp, toDateTime64(0, 9))) AS Outcome
FROM flat_events
WHERE EventName IN ('stepsight.run.start', 'stepsight.run.heartbeat', 'stepsight.run.end')
GROUP BY ProjectId, RunId
