-- The OTel Collector ClickHouse exporter's otel_metrics_exponential_histogram, with nanoseconds, run identity and what the exporter drops.
CREATE TABLE otel_metrics_exponential_histogram
(
    @metric_columns,
    Count UInt64 CODEC(Delta, ZSTD(1)),
    Sum Nullable(Float64) CODEC(ZSTD(1)),
    Scale Int32 CODEC(ZSTD(1)),
    ZeroCount UInt64 CODEC(ZSTD(1)),
    ZeroThreshold Float64 CODEC(ZSTD(1)),
    PositiveOffset Int32 CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32 CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    Min Nullable(Float64) CODEC(ZSTD(1)),
    Max Nullable(Float64) CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    @exemplar_columns,
    @metric_indexes
)
@metric_table
