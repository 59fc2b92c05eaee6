-- Events of runs and steps only, stored nowhere. What is derived from them hangs on this table, so that an insert without
-- events, which most are, costs one cheap view instead of three.
CREATE TABLE flat_events
(
    ProjectId LowCardinality(String), ReceivedTimestamp DateTime64(9), Timestamp DateTime64(9), TraceId String, EventName LowCardinality(String),
    RunId String, StepId String, StepName LowCardinality(String), ExperimentName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String), LogAttributes Map(LowCardinality(String), String)
)
ENGINE = Null
