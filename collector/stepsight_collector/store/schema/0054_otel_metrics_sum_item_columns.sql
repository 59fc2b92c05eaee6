-- See otel_logs_item_columns.
ALTER TABLE otel_metrics_sum
    ADD COLUMN IF NOT EXISTS ItemType LowCardinality(String) MATERIALIZED multiIf(
        mapContains(Attributes, 'stepsight.item.type'), 'performanceCounter',
        ScopeName = 'stepsight.breeze.internal', 'internal',
        'customMetric') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Sequence UInt32 MATERIALIZED toUInt32(rowNumberInAllBlocks()) CODEC(Delta(4), ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_time TimeUnix TYPE minmax GRANULARITY 1
