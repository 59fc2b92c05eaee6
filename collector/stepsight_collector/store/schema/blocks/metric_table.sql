-- How every table of metric points is kept.
ENGINE = MergeTree
PARTITION BY @day(TimeUnix)
ORDER BY (ProjectId, MetricName, RunId, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, @compact_inserts, @parts
