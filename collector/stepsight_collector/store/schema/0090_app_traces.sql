-- Application Insights, workspace table AppTraces: the classic one under other names.
CREATE VIEW AppTraces AS
SELECT
    timestamp AS TimeGenerated, message AS Message, severityLevel AS SeverityLevel, '' AS ReferencedItemId, '' AS ReferencedType,
    @workspace_columns('AppTraces'), Level, LevelName
FROM traces
