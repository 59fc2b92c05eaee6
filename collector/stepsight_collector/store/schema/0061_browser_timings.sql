-- Application Insights, classic table browserTimings.
CREATE VIEW browserTimings AS
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    Body AS name,
    LogAttributes['stepsight.page.url'] AS url,
    toFloat64OrNull(LogAttributes['stepsight.page.network_ms']) AS networkDuration,
    toFloat64OrNull(LogAttributes['stepsight.page.send_ms']) AS sendDuration,
    toFloat64OrNull(LogAttributes['stepsight.page.receive_ms']) AS receiveDuration,
    toFloat64OrNull(LogAttributes['stepsight.page.processing_ms']) AS processingDuration,
    toFloat64OrNull(LogAttributes['stepsight.page.total_ms']) AS totalDuration,
    @bucket(totalDuration) AS performanceBucket,
    @log_columns('browserTiming')
FROM otel_logs WHERE @is_no_trace AND ItemType = 'browserTiming'
