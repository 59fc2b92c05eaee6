-- Application Insights, workspace table AppExceptions: the classic one under other names.
CREATE VIEW AppExceptions AS
SELECT
    timestamp AS TimeGenerated, problemId AS ProblemId, type AS ExceptionType, message AS Message, assembly AS Assembly, method AS Method, outerType AS OuterType, outerMessage AS OuterMessage, outerAssembly AS OuterAssembly, outerMethod AS OuterMethod, innermostType AS InnermostType, innermostMessage AS InnermostMessage, innermostAssembly AS InnermostAssembly, innermostMethod AS InnermostMethod, handledAt AS HandledAt, severityLevel AS SeverityLevel, details AS Details,
    @workspace_columns('AppExceptions'), Level, LevelName
FROM exceptions
