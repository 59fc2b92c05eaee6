-- Application Insights, workspace table AppAvailabilityResults: the classic one under other names.
CREATE VIEW AppAvailabilityResults AS
SELECT
    timestamp AS TimeGenerated, id AS Id, name AS Name, location AS Location, if(success = '', NULL, success = 'True')::Nullable(Bool) AS Success, message AS Message, duration AS DurationMs, performanceBucket AS PerformanceBucket, size AS Size,
    @workspace_columns('AppAvailabilityResults'), Level, LevelName
FROM availabilityResults
