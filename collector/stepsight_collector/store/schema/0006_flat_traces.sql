-- One row per span, stored nowhere; see flat_logs.
CREATE TABLE flat_traces
(
    ProjectId LowCardinality(String), Client LowCardinality(String), ReceivedTimestamp DateTime64(9), Timestamp DateTime64(9),
    TraceId String, SpanId String, ParentSpanId String, TraceState String, Flags UInt32,
    SpanName LowCardinality(String), SpanKind LowCardinality(String), Duration UInt64, StatusCode LowCardinality(String), StatusMessage String,
    RunId String, StepId String, StepName LowCardinality(String), ExperimentName LowCardinality(String), ServiceName LowCardinality(String),
    ResourceSchemaUrl LowCardinality(String), ResourceAttributes Map(LowCardinality(String), String), ResourceDroppedAttributesCount UInt32, ResourceEntityRefs String,
    ScopeSchemaUrl LowCardinality(String), ScopeName LowCardinality(String), ScopeVersion LowCardinality(String),
    ScopeAttributes Map(LowCardinality(String), String), ScopeDroppedAttributesCount UInt32,
    SpanAttributes Map(LowCardinality(String), String), DroppedAttributesCount UInt32, DroppedEventsCount UInt32, DroppedLinksCount UInt32,
    `Events.Timestamp` Array(DateTime64(9)), `Events.Name` Array(LowCardinality(String)), `Events.Attributes` Array(Map(LowCardinality(String), String)),
    `Events.DroppedAttributesCount` Array(UInt32),
    `Links.TraceId` Array(String), `Links.SpanId` Array(String), `Links.TraceState` Array(String), `Links.Attributes` Array(Map(LowCardinality(String), String)),
    `Links.DroppedAttributesCount` Array(UInt32), `Links.Flags` Array(UInt32)
)
ENGINE = Null
