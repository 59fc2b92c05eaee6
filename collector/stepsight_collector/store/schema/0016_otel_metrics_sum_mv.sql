CREATE MATERIALIZED VIEW otel_metrics_sum_mv TO otel_metrics_sum AS
@point_columns,
    @number(point) AS Value,
    if(point.value = 6, point.as_int, NULL) AS IntValue,
    sum.aggregation_temporality AS AggregationTemporality,
    sum.is_monotonic AS IsMonotonic,
    @point_exemplars
FROM flat_other_metrics ARRAY JOIN sum.data_points AS point
