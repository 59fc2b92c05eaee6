-- The OTel Collector ClickHouse exporter's otel_metrics_summary, with nanoseconds, run identity and what the exporter drops.
CREATE TABLE otel_metrics_summary
(
    @metric_columns,
    Count UInt64 CODEC(Delta, ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    ValueAtQuantiles Nested(Quantile Float64, Value Float64) CODEC(ZSTD(1)),
    @metric_indexes
)
@metric_table
