-- The witness ranks an end: a supervisor (2) saw the process end from outside, the process (1) only knows its own intent.
CREATE MATERIALIZED VIEW step_states_events_mv TO step_states AS
WITH
    EventName = 'stepsight.step.start' AS is_start,
    EventName = 'stepsight.step.end' AS is_end,
    LogAttributes['exception.message'] AS message,
    LogAttributes['exception.type'] AS type,
    multiIf(type = '', message, message = '', type, concat(type, ': ', message)) AS cause,
    ResourceAttributes['service.instance.id'] AS instance
SELECT
    ProjectId, RunId, StepId,
    max(toString(f.StepName)) AS StepName,
    max(toString(f.ExperimentName)) AS ExperimentName,
    max(ResourceAttributes['host.name']) AS Host,
    max(TraceId) AS OperationId,
    min(Timestamp) AS FirstSeen,
    max(Timestamp) AS LastSeen,
    max(ReceivedTimestamp) AS LastReceived,
    min(if(is_start, Timestamp, NULL)) AS FirstStart,
    max(if(is_start, Timestamp, NULL)) AS LastStart,
    max(if(is_end, Timestamp, NULL)) AS LastEnd,
    max(toFloat64OrZero(LogAttributes['stepsight.heartbeat.interval_s'])) AS HeartbeatIntervalS,
    argMaxState(
        tuple(LogAttributes['stepsight.status'], toInt64OrNull(LogAttributes['process.exit.code']), LogAttributes['process.exit.signal'], cause)::Tuple(Status String, ExitCode Nullable(Int64), ExitSignal String, Cause String),
        tuple(multiIf(NOT is_end, 0, LogAttributes['stepsight.witness'] = 'supervisor', 2, 1)::UInt8, Timestamp)::Tuple(UInt8, DateTime64(9))) AS Outcome,
    max(greatest(toUInt64OrZero(LogAttributes['stepsight.memory.peak']), toUInt64OrZero(LogAttributes['process.memory.usage']))) AS MemoryPeakBytes,
    maxMap(map(instance, toUInt64OrZero(LogAttributes['stepsight.records.sent']))) AS RecordsSent,
    maxMap(map(instance, toUInt64OrZero(LogAttributes['stepsight.records.dropped']))) AS RecordsDropped
FROM flat_events AS f
WHERE startsWith(EventName, 'stepsight.step.') AND StepId != ''
GROUP BY ProjectId, RunId, StepId
