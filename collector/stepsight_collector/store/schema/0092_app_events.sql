-- Application Insights, workspace table AppEvents: the classic one under other names.
CREATE VIEW AppEvents AS
SELECT
    timestamp AS TimeGenerated, name AS Name,
    @workspace_columns('AppEvents'), Level, LevelName
FROM customEvents
