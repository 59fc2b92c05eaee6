CREATE MATERIALIZED VIEW otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT ProjectId, TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(addNanoseconds(Timestamp, toInt64(least(Duration, 1000000000000000))))) AS End
FROM flat_traces WHERE TraceId != '' GROUP BY ProjectId, TraceId
