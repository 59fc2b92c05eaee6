-- Application Insights, workspace table AppPerformanceCounters: the classic one under other names.
CREATE VIEW AppPerformanceCounters AS
SELECT
    timestamp AS TimeGenerated, name AS Name, category AS Category, instance AS Instance, value AS Value,
    @workspace_columns('AppPerformanceCounters')
FROM performanceCounters
