CREATE MATERIALIZED VIEW otel_logs_mv TO otel_logs AS SELECT * FROM flat_logs
