-- One row per metric, its data points still nested; the tables by kind hang on this one and on flat_other_metrics. Stored nowhere.
CREATE TABLE flat_metrics
(
    project String, client String, received_time_unix_nano UInt64,
    resource_attrs Map(LowCardinality(String), String), resource_dropped UInt32, resource_entities String, resource_schema_url String,
    scope_name String, scope_version String, scope_attrs Map(LowCardinality(String), String), scope_dropped UInt32, scope_schema_url String,
    name String, description String, unit String, metadata Map(LowCardinality(String), String),
    gauge Tuple(data_points @number_points),
    sum Tuple(data_points @number_points, aggregation_temporality Int32, is_monotonic Bool),
    histogram Tuple(data_points Array(Tuple(
        attributes @attributes, start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Nullable(Float64), bucket_counts Array(UInt64),
        explicit_bounds Array(Float64), exemplars @exemplars, flags UInt32, min Nullable(Float64), max Nullable(Float64))), aggregation_temporality Int32),
    exponential_histogram Tuple(data_points Array(Tuple(
        attributes @attributes, start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Nullable(Float64), scale Int32, zero_count UInt64,
        positive Tuple(offset Int32, bucket_counts Array(UInt64)), negative Tuple(offset Int32, bucket_counts Array(UInt64)), flags UInt32,
        exemplars @exemplars, min Nullable(Float64), max Nullable(Float64), zero_threshold Float64)), aggregation_temporality Int32),
    summary Tuple(data_points Array(Tuple(
        attributes @attributes, start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Float64,
        quantile_values Array(Tuple(quantile Float64, value Float64)), flags UInt32)))
)
ENGINE = Null
