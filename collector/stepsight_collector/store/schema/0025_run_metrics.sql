-- Every point of run.log and its relatives; nothing is aggregated away.
CREATE TABLE run_metrics
(
    ProjectId LowCardinality(String),
    RunId String CODEC(ZSTD(1)),
    StepId String CODEC(ZSTD(1)),
    StepName LowCardinality(String) CODEC(ZSTD(1)),
    ExperimentName LowCardinality(String) CODEC(ZSTD(1)),
    Name LowCardinality(String) CODEC(ZSTD(1)),
    ColumnName LowCardinality(String) CODEC(ZSTD(1)),
    Kind LowCardinality(String) CODEC(ZSTD(1)),
    SeriesIndex UInt64 CODEC(Delta(8), ZSTD(1)),
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    Text String CODEC(ZSTD(1)),
    ReceivedTimestamp DateTime64(9) CODEC(Delta(8), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY @month(Timestamp)
ORDER BY (ProjectId, RunId, StepId, Name, ColumnName, Timestamp, SeriesIndex)
SETTINGS index_granularity = 8192, @parts
