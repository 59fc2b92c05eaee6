-- What whoever drives a pipeline run says of it; read it through the view `runs`, which adds what its steps say.
CREATE TABLE run_states
(
    ProjectId LowCardinality(String),
    RunId String,
    Name SimpleAggregateFunction(max, String),
    OperationId SimpleAggregateFunction(max, String),
    LastHeartbeat SimpleAggregateFunction(max, DateTime64(9)),
    FirstStart SimpleAggregateFunction(min, Nullable(DateTime64(9))),
    LastStart SimpleAggregateFunction(max, Nullable(DateTime64(9))),
    LastEnd SimpleAggregateFunction(max, Nullable(DateTime64(9))),
    HeartbeatIntervalS SimpleAggregateFunction(max, Float64),
    Outcome AggregateFunction(argMax, Tuple(Status String, Cause String), DateTime64(9))
)
ENGINE = AggregatingMergeTree
ORDER BY (ProjectId, RunId)
SETTINGS index_granularity = 1024, @parts
