CREATE MATERIALIZED VIEW otel_metrics_exponential_histogram_mv TO otel_metrics_exponential_histogram AS
@point_columns,
    point.count AS Count,
    point.sum AS Sum,
    point.scale AS Scale,
    point.zero_count AS ZeroCount,
    point.zero_threshold AS ZeroThreshold,
    point.positive.offset AS PositiveOffset,
    point.positive.bucket_counts AS PositiveBucketCounts,
    point.negative.offset AS NegativeOffset,
    point.negative.bucket_counts AS NegativeBucketCounts,
    point.min AS Min,
    point.max AS Max,
    exponential_histogram.aggregation_temporality AS AggregationTemporality,
    @point_exemplars
FROM flat_other_metrics ARRAY JOIN exponential_histogram.data_points AS point
