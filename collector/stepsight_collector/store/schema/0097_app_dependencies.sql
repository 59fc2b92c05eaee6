-- Application Insights, workspace table AppDependencies: the classic one under other names.
CREATE VIEW AppDependencies AS
SELECT
    timestamp AS TimeGenerated, id AS Id, target AS Target, type AS DependencyType, name AS Name, data AS Data, CAST(success = 'True', 'Bool') AS Success, resultCode AS ResultCode, duration AS DurationMs, performanceBucket AS PerformanceBucket,
    @workspace_columns('AppDependencies')
FROM dependencies
