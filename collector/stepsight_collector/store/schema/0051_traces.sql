-- Application Insights, classic table traces: log lines. The run's own events are in runEvents, exceptions in exceptions.
CREATE VIEW traces AS
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    Body AS message,
    @severity_level AS severityLevel,
    @log_columns('trace')
FROM otel_logs WHERE ItemType = 'trace'
