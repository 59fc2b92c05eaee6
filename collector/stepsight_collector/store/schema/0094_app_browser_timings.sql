-- Application Insights, workspace table AppBrowserTimings: the classic one under other names.
CREATE VIEW AppBrowserTimings AS
SELECT
    timestamp AS TimeGenerated, name AS Name, url AS Url, networkDuration AS NetworkDurationMs, sendDuration AS SendDurationMs, receiveDuration AS ReceiveDurationMs, processingDuration AS ProcessingDurationMs, totalDuration AS TotalDurationMs, performanceBucket AS PerformanceBucket,
    @workspace_columns('AppBrowserTimings'), Level, LevelName
FROM browserTimings
