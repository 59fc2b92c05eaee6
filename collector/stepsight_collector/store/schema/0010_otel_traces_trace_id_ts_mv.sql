-- An end after the last time that there is, in 2262, would be an error: again with each new try, and so for all spans behind it.
CREATE MATERIALIZED VIEW otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT
    ProjectId, TraceId, toDateTime(min(Timestamp)) AS Start,
    toDateTime(max(fromUnixTimestamp64Nano(toInt64(least(toUInt64(toUnixTimestamp64Nano(Timestamp)) + least(Duration, 1000000000000000), 9223372036854775807)), 'UTC'))) AS End
FROM flat_traces WHERE TraceId != '' GROUP BY ProjectId, TraceId
