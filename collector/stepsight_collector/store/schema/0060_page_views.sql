-- Application Insights, classic table pageViews.
CREATE VIEW pageViews AS
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    LogAttributes['stepsight.item.id'] AS id,
    Body AS name,
    LogAttributes['stepsight.page.url'] AS url,
    toFloat64OrNull(LogAttributes['stepsight.item.duration_ms']) AS duration,
    @bucket(duration) AS performanceBucket,
    @log_columns('pageView')
FROM otel_logs WHERE @is_no_trace AND ItemType = 'pageView'
