-- One row per log record, still stored nowhere: every table that is derived from logs hangs on this one, so a request is
-- decoded once, and no table's deduplication can hide a block from another's.
CREATE TABLE flat_logs
(
    ProjectId LowCardinality(String), Client LowCardinality(String), ReceivedTimestamp DateTime64(9),
    Timestamp DateTime64(9), ObservedTimestamp DateTime64(9),
    TraceId String, SpanId String, TraceFlags UInt32, SeverityText LowCardinality(String), SeverityNumber UInt8, Body String, EventName LowCardinality(String),
    RunId String, StepId String, StepName LowCardinality(String), ExperimentName LowCardinality(String), ServiceName LowCardinality(String),
    ResourceSchemaUrl LowCardinality(String), ResourceAttributes Map(LowCardinality(String), String), ResourceDroppedAttributesCount UInt32, ResourceEntityRefs String,
    ScopeSchemaUrl LowCardinality(String), ScopeName LowCardinality(String), ScopeVersion LowCardinality(String),
    ScopeAttributes Map(LowCardinality(String), String), ScopeDroppedAttributesCount UInt32,
    LogAttributes Map(LowCardinality(String), String), DroppedAttributesCount UInt32
)
ENGINE = Null
