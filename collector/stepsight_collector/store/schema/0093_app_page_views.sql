-- Application Insights, workspace table AppPageViews: the classic one under other names.
CREATE VIEW AppPageViews AS
SELECT
    timestamp AS TimeGenerated, id AS Id, name AS Name, url AS Url, duration AS DurationMs, performanceBucket AS PerformanceBucket,
    @workspace_columns('AppPageViews'), Level, LevelName
FROM pageViews
