-- Application Insights, workspace table AppMetrics: the classic one under other names.
CREATE VIEW AppMetrics AS
SELECT
    timestamp AS TimeGenerated, name AS Name, valueSum AS Sum, valueCount AS ItemCount, valueMin AS Min, valueMax AS Max,
    @workspace_columns('AppMetrics')
FROM customMetrics
