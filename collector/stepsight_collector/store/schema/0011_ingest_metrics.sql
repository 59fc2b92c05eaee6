-- Where OTLP metric requests enter.
CREATE TABLE ingest_metrics
(
    project String,
    received_time_unix_nano UInt64,
    client String,
    request Tuple(resource_metrics Array(Tuple(
        resource @resource,
        scope_metrics Array(Tuple(
            scope @scope,
            metrics Array(Tuple(
                name String, description String, unit String, metadata @attributes,
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
                    quantile_values Array(Tuple(quantile Float64, value Float64)), flags UInt32))))),
            schema_url String)),
        schema_url String)))
)
ENGINE = Null
