-- What the Application Insights views filter by, as columns of a byte or less: a view that looked into the attributes of each
-- row would read fifty times as much. The index on ItemType's length finds what is no trace, which is rare, and costs traces
-- nothing: an index on the type itself took half of the time of a question for an operation (bench/query.py). Sequence tells rows of one request apart that are equal in all else.
ALTER TABLE otel_logs
    ADD COLUMN IF NOT EXISTS ItemType LowCardinality(String) MATERIALIZED multiIf(
        mapContains(LogAttributes, 'stepsight.item.type'),
        if(LogAttributes['stepsight.item.type'] IN ('exception', 'customEvent', 'pageView', 'browserTiming', 'availabilityResult'), LogAttributes['stepsight.item.type'], 'trace'),
        mapContains(LogAttributes, 'exception.type') OR (mapContains(LogAttributes, 'exception.message') AND NOT startsWith(EventName, 'stepsight.')), 'exception',
        startsWith(EventName, 'stepsight.'), 'runEvent',
        EventName != '' OR mapContains(LogAttributes, 'microsoft.custom_event.name'), 'customEvent',
        mapContains(LogAttributes, 'microsoft.availability.name'), 'availabilityResult',
        'trace') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ItemCount UInt32 MATERIALIZED if(mapContains(LogAttributes, 'stepsight.item.count'), toUInt32OrDefault(LogAttributes['stepsight.item.count'], 1::UInt32), 1) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS RunType LowCardinality(String) MATERIALIZED @run_dimension(LogAttributes, 'run_type') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Level LowCardinality(String) MATERIALIZED multiIf(mapContains(LogAttributes, 'Level'), LogAttributes['Level'], mapContains(LogAttributes, 'level'), LogAttributes['level'], SeverityText) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS LevelName LowCardinality(String) MATERIALIZED multiIf(mapContains(LogAttributes, 'level'), LogAttributes['level'], mapContains(LogAttributes, 'Level'), LogAttributes['Level'], SeverityText) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS OperationText String MATERIALIZED if(mapContains(LogAttributes, 'ai.operation.id'), LogAttributes['ai.operation.id'], '') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS Sequence UInt32 MATERIALIZED toUInt32(rowNumberInAllBlocks()) CODEC(Delta(4), ZSTD(1)),
    ADD INDEX IF NOT EXISTS idx_time Timestamp TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_item_type length(ItemType) TYPE minmax GRANULARITY 1,
    ADD INDEX IF NOT EXISTS idx_operation_id if(empty(OperationText), TraceId, OperationText) TYPE bloom_filter(0.001) GRANULARITY 1
