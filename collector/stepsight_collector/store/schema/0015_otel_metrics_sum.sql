-- The OTel Collector ClickHouse exporter's otel_metrics_sum, with nanoseconds, run identity and what the exporter drops.
CREATE TABLE otel_metrics_sum
(
    @metric_columns,
    Value Float64 CODEC(ZSTD(1)),
    IntValue Nullable(Int64) CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    IsMonotonic Bool CODEC(ZSTD(1)),
    @exemplar_columns,
    @metric_indexes
)
@metric_table
