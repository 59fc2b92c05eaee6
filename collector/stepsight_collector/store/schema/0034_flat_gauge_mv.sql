CREATE MATERIALIZED VIEW flat_gauge_mv TO flat_gauge AS
@point_columns,
    @number(point) AS Value,
    if(point.value = 6, point.as_int, NULL) AS IntValue,
    @point_exemplars
FROM flat_metrics ARRAY JOIN gauge.data_points AS point
