-- Application Insights, workspace table AppRequests: the classic one under other names.
CREATE VIEW AppRequests AS
SELECT
    timestamp AS TimeGenerated, id AS Id, source AS Source, name AS Name, url AS Url, CAST(success = 'True', 'Bool') AS Success, resultCode AS ResultCode, duration AS DurationMs, performanceBucket AS PerformanceBucket,
    @workspace_columns('AppRequests')
FROM requests
