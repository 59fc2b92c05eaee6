CREATE MATERIALIZED VIEW otel_metrics_summary_mv TO otel_metrics_summary AS
@point_columns,
    point.count AS Count,
    point.sum AS Sum,
    point.quantile_values.quantile AS `ValueAtQuantiles.Quantile`,
    point.quantile_values.value AS `ValueAtQuantiles.Value`
FROM flat_other_metrics ARRAY JOIN summary.data_points AS point
