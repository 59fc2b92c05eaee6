-- Our own: calls of run(mini_batch) of parallel steps, which are spans whose name begins with mini-batch.
CREATE VIEW miniBatches AS
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    toString(SpanName) AS name,
    Duration / 1e6 AS duration,
    CAST(StatusCode != 'Error', 'Bool') AS success,
    StatusMessage AS message,
    ResourceAttributes['service.instance.id'] AS worker,
    SpanId AS id,
    ParentSpanId AS operation_ParentId,
    if(empty(OperationText), TraceId, OperationText) AS operation_Id,
    @dimensions(SpanAttributes) AS customDimensions,
    RunId AS runId, StepId AS stepId, StepName AS stepName, ExperimentName AS experimentName,
    @run_columns(SpanAttributes)
FROM otel_traces WHERE startsWith(SpanName, 'mini-batch')
