-- One row per step run. Silence is judged by the collector's clock at the time of asking: three heartbeats missed,
-- and a running step is NotResponding.
CREATE VIEW steps AS
SELECT
    ProjectId, RunId, StepId, step_name AS StepName, experiment_name AS ExperimentName,
    multiIf(
        last_end IS NOT NULL AND (last_start IS NULL OR last_end >= last_start), if(outcome.Status != '', outcome.Status, 'Completed'),
        last_start IS NULL, 'Unknown',
        now64(9) - toIntervalMillisecond(toInt64(3000 * if(interval_s > 0, interval_s, 5))) > last_received, 'NotResponding',
        'Running') AS Status,
    coalesce(first_start, first_seen) AS StartedAt,
    multiIf(Status IN ('Running', 'Unknown'), NULL, Status = 'NotResponding', last_received, last_end) AS EndedAt,
    coalesce(EndedAt, if(Status = 'Unknown', last_seen, now64(9))) AS until,
    greatest(0, (toUnixTimestamp64Nano(until) - toUnixTimestamp64Nano(StartedAt)) / 1e9) AS DurationS,
    last_received AS LastHeardAt,
    if(EndedAt IS NULL OR Status = 'NotResponding', NULL, outcome.ExitCode) AS ExitCode,
    if(EndedAt IS NULL OR Status = 'NotResponding', '', outcome.ExitSignal) AS ExitSignal,
    multiIf(
        Status = 'NotResponding', 'no heartbeat since ' || formatDateTime(last_received, '%H:%i:%S') || ' UTC',
        Status NOT IN ('Failed', 'Canceled'), '',
        outcome.Cause != '', outcome.Cause,
        outcome.ExitSignal != '', 'killed by ' || outcome.ExitSignal,
        outcome.ExitCode IS NOT NULL, 'exit code ' || toString(outcome.ExitCode),
        '') AS Cause,
    host AS Host, operation_id AS OperationId, memory_peak AS MemoryPeakBytes,
    log_rows AS LogRows, warning_rows AS WarningRows, error_rows AS ErrorRows, metric_rows AS MetricRows, spans AS Spans,
    sent AS RecordsSent, dropped AS RecordsDropped
FROM
(
    SELECT
        ProjectId, RunId, StepId, max(StepName) AS step_name, max(ExperimentName) AS experiment_name, max(Host) AS host, max(OperationId) AS operation_id,
        min(FirstSeen) AS first_seen, max(LastSeen) AS last_seen, max(LastReceived) AS last_received,
        min(FirstStart) AS first_start, max(LastStart) AS last_start, max(LastEnd) AS last_end, max(HeartbeatIntervalS) AS interval_s,
        argMaxMerge(Outcome) AS outcome, max(MemoryPeakBytes) AS memory_peak,
        sum(LogRows) AS log_rows, sum(WarningRows) AS warning_rows, sum(ErrorRows) AS error_rows, sum(MetricRows) AS metric_rows, sum(Spans) AS spans,
        arraySum(mapValues(maxMap(RecordsSent))) AS sent, arraySum(mapValues(maxMap(RecordsDropped))) AS dropped
    FROM step_states WHERE StepId != '' GROUP BY ProjectId, RunId, StepId
)
