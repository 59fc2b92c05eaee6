CREATE TABLE run_tags
(
    ProjectId LowCardinality(String),
    RunId String,
    StepId String,
    Key String,
    Value String,
    Timestamp DateTime64(9)
)
ENGINE = ReplacingMergeTree(Timestamp)
ORDER BY (ProjectId, RunId, StepId, Key)
SETTINGS index_granularity = 1024, @parts
