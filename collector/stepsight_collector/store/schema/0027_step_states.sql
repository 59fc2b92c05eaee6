-- What is known of each step run, merged from its events and counted from its records; read it through the view `steps`.
CREATE TABLE step_states
(
    ProjectId LowCardinality(String),
    RunId String,
    StepId String,
    StepName SimpleAggregateFunction(max, String),
    ExperimentName SimpleAggregateFunction(max, String),
    Host SimpleAggregateFunction(max, String),
    OperationId SimpleAggregateFunction(max, String),
    FirstSeen SimpleAggregateFunction(min, DateTime64(9)),
    LastSeen SimpleAggregateFunction(max, DateTime64(9)),
    LastReceived SimpleAggregateFunction(max, DateTime64(9)),
    FirstStart SimpleAggregateFunction(min, Nullable(DateTime64(9))),
    LastStart SimpleAggregateFunction(max, Nullable(DateTime64(9))),
    LastEnd SimpleAggregateFunction(max, Nullable(DateTime64(9))),
    HeartbeatIntervalS SimpleAggregateFunction(max, Float64),
    Outcome AggregateFunction(argMax, Tuple(Status String, ExitCode Nullable(Int64), ExitSignal String, Cause String), Tuple(UInt8, DateTime64(9))),
    MemoryPeakBytes SimpleAggregateFunction(max, UInt64),
    LogRows SimpleAggregateFunction(sum, UInt64),
    WarningRows SimpleAggregateFunction(sum, UInt64),
    ErrorRows SimpleAggregateFunction(sum, UInt64),
    MetricRows SimpleAggregateFunction(sum, UInt64),
    Spans SimpleAggregateFunction(sum, UInt64),
    RecordsSent SimpleAggregateFunction(maxMap, Map(String, UInt64)),
    RecordsDropped SimpleAggregateFunction(maxMap, Map(String, UInt64))
)
ENGINE = AggregatingMergeTree
ORDER BY (ProjectId, RunId, StepId)
SETTINGS index_granularity = 1024, @parts
