-- See otel_logs_item_columns. ExceptionEvents lets the view exceptions pass over spans without any.
ALTER TABLE otel_traces
    ADD COLUMN IF NOT EXISTS ItemCount UInt32 MATERIALIZED if(mapContains(SpanAttributes, 'stepsight.item.count'), toUInt32OrDefault(SpanAttributes['stepsight.item.count'], 1::UInt32), 1) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS RunType LowCardinality(String) MATERIALIZED @run_dimension(SpanAttributes, 'run_type') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS OperationText String MATERIALIZED if(mapContains(SpanAttributes, 'ai.operation.id'), SpanAttributes['ai.operation.id'], '') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Sequence UInt32 MATERIALIZED toUInt32(rowNumberInAllBlocks()) CODEC(Delta(4), ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ExceptionEvents UInt16 MATERIALIZED toUInt16(least(countEqual(`Events.Name`, 'exception'), 65535)) CODEC(ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_time Timestamp TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_exceptions ExceptionEvents TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_operation_id if(empty(OperationText), TraceId, OperationText) TYPE bloom_filter(0.001) GRANULARITY 1
