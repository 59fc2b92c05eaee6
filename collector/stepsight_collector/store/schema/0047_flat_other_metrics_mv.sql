CREATE MATERIALIZED VIEW flat_other_metrics_mv TO flat_other_metrics AS
SELECT * FROM flat_metrics
WHERE notEmpty(sum.data_points) OR notEmpty(histogram.data_points) OR notEmpty(exponential_histogram.data_points) OR notEmpty(summary.data_points)
