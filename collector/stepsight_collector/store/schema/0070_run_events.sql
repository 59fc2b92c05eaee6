-- Our own: what a run says of itself (docs/reference/telemetry.md, Events), but for heartbeats and pieces of files.
-- The attributes of these events have our prefix, so nothing of them is hidden here.
CREATE VIEW runEvents AS
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    EventName AS name,
    Body AS message,
    @item_id('event', ProjectId, Timestamp, ReceivedTimestamp, Sequence) AS itemId,
    'runEvent' AS itemType,
    @plain_dimensions(LogAttributes) AS customDimensions,
    if(empty(OperationText), TraceId, OperationText) AS operation_Id,
    ResourceAttributes['service.instance.id'] AS instance,
    RunId AS runId, StepId AS stepId, StepName AS stepName, ExperimentName AS experimentName,
    @run_columns(LogAttributes)
FROM otel_logs
WHERE @is_no_trace AND ItemType IN ('runEvent', 'exception') AND startsWith(EventName, 'stepsight.')
    AND EventName NOT IN ('stepsight.step.heartbeat', 'stepsight.run.heartbeat', 'stepsight.run.part')
