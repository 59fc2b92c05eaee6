CREATE MATERIALIZED VIEW otel_metrics_gauge_mv TO otel_metrics_gauge AS SELECT * FROM flat_gauge
