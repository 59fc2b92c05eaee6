-- When each operation began and ended: bounds the search for its spans and log records.
CREATE TABLE otel_traces_trace_id_ts
(
    ProjectId LowCardinality(String),
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(Delta, ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Start)
ORDER BY (TraceId, ProjectId)
SETTINGS index_granularity = 8192, @parts
