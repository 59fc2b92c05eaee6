CREATE MATERIALIZED VIEW otel_traces_mv TO otel_traces AS SELECT * FROM flat_traces
