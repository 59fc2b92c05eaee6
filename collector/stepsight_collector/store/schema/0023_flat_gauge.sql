-- One row per gauge point, stored nowhere: otel_metrics_gauge, run_metrics and step_states hang on it.
CREATE TABLE flat_gauge AS otel_metrics_gauge ENGINE = Null
