-- One row per pipeline run. Whoever drives a pipeline may send run events; without them a run is what its steps are.
CREATE VIEW runs AS
SELECT
    seen.ProjectId AS ProjectId, seen.RunId AS RunId, if(driver.name != '', driver.name, seen.experiment_name) AS Name, seen.experiment_name AS ExperimentName,
    multiIf(
        driver.last_end IS NOT NULL AND (driver.last_start IS NULL OR driver.last_end >= driver.last_start), if(driver.outcome.Status != '', driver.outcome.Status, 'Completed'),
        s.running > 0, 'Running',
        driver.last_start IS NOT NULL, if(now64(9) - toIntervalMillisecond(toInt64(3000 * if(driver.interval_s > 0, driver.interval_s, 5))) > driver.last_heartbeat, 'NotResponding', 'Running'),
        s.not_responding > 0, 'NotResponding',
        s.failed > 0, 'Failed',
        s.canceled > 0, 'Canceled',
        s.completed > 0, 'Completed',
        'Unknown') AS Status,
    coalesce(driver.first_start, if(s.steps > 0, s.started_at, seen.first_seen)) AS StartedAt,
    multiIf(Status IN ('Running', 'Unknown'), NULL, Status = 'NotResponding', seen.last_received, driver.last_end IS NOT NULL, driver.last_end, s.ended_at) AS EndedAt,
    greatest(0, (toUnixTimestamp64Nano(coalesce(EndedAt, if(Status = 'Unknown', seen.last_seen, now64(9)))) - toUnixTimestamp64Nano(StartedAt)) / 1e9) AS DurationS,
    seen.last_received AS LastHeardAt,
    seen.first_seen AS FirstRecordAt, seen.last_seen AS LastRecordAt,
    s.steps AS Steps, s.failed AS StepsFailed,
    seen.log_rows AS LogRows, seen.warning_rows AS WarningRows, seen.error_rows AS ErrorRows, seen.metric_rows AS MetricRows,
    if(driver.operation_id != '', driver.operation_id, seen.operation_id) AS OperationId,
    multiIf(
        s.cause != '', s.cause,
        Status = 'NotResponding', 'no heartbeat since ' || formatDateTime(seen.last_received, '%H:%i:%S') || ' UTC',
        Status IN ('Failed', 'Canceled'), driver.outcome.Cause,
        '') AS Cause
FROM
(
    SELECT
        ProjectId, RunId, max(ExperimentName) AS experiment_name, max(OperationId) AS operation_id,
        min(FirstSeen) AS first_seen, max(LastSeen) AS last_seen, max(LastReceived) AS last_received,
        sum(LogRows) AS log_rows, sum(WarningRows) AS warning_rows, sum(ErrorRows) AS error_rows, sum(MetricRows) AS metric_rows
    FROM step_states GROUP BY ProjectId, RunId
) AS seen
LEFT JOIN
(
    SELECT
        ProjectId, RunId, max(Name) AS name, max(OperationId) AS operation_id, max(LastHeartbeat) AS last_heartbeat,
        min(FirstStart) AS first_start, max(LastStart) AS last_start, max(LastEnd) AS last_end, max(HeartbeatIntervalS) AS interval_s,
        argMaxMerge(Outcome) AS outcome
    FROM run_states GROUP BY ProjectId, RunId
) AS driver ON driver.ProjectId = seen.ProjectId AND driver.RunId = seen.RunId
LEFT JOIN
(
    SELECT
        ProjectId, RunId, count() AS steps, countIf(Status = 'Failed') AS failed, countIf(Status = 'Running') AS running,
        countIf(Status = 'NotResponding') AS not_responding, countIf(Status = 'Canceled') AS canceled, countIf(Status = 'Completed') AS completed,
        min(StartedAt) AS started_at, max(EndedAt) AS ended_at,
        argMinIf(StepName || ': ' || Cause, coalesce(EndedAt, LastHeardAt), Cause != '' AND Status IN ('Failed', 'NotResponding', 'Canceled')) AS cause
    FROM steps GROUP BY ProjectId, RunId
) AS s ON s.ProjectId = seen.ProjectId AND s.RunId = seen.RunId
