-- Application Insights, classic table availabilityResults. The attributes are those that Azure Monitor's exporter reads.
CREATE VIEW availabilityResults AS
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    LogAttributes['microsoft.availability.id'] AS id,
    LogAttributes['microsoft.availability.name'] AS name,
    LogAttributes['microsoft.availability.runLocation'] AS location,
    multiIf(lower(LogAttributes['microsoft.availability.success']) = 'true', 'True', lower(LogAttributes['microsoft.availability.success']) = 'false', 'False', '') AS success,
    @first(LogAttributes, 'microsoft.availability.message', if(@is_breeze, '', Body)) AS message,
    if(mapContains(LogAttributes, 'stepsight.item.duration_ms'), toFloat64OrNull(LogAttributes['stepsight.item.duration_ms']),
        @clock_ms(LogAttributes['microsoft.availability.duration'])) AS duration,
    @bucket(duration) AS performanceBucket,
    NULL::Nullable(Float64) AS size,
    @log_columns('availabilityResult')
FROM otel_logs WHERE @is_no_trace AND ItemType = 'availabilityResult'
