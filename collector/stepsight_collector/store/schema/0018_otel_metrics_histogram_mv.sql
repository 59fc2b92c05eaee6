CREATE MATERIALIZED VIEW otel_metrics_histogram_mv TO otel_metrics_histogram AS
@point_columns,
    point.count AS Count,
    point.sum AS Sum,
    point.bucket_counts AS BucketCounts,
    point.explicit_bounds AS ExplicitBounds,
    point.min AS Min,
    point.max AS Max,
    histogram.aggregation_temporality AS AggregationTemporality,
    @point_exemplars
FROM flat_other_metrics ARRAY JOIN histogram.data_points AS point
