-- Application Insights, classic table exceptions: log records with an exception, and exceptions that spans recorded as events.
-- An exception that ended a step is told by its stepsight.step.end, and is a row here too.
CREATE VIEW exceptions AS
WITH
    Attributes['stepsight.exception.details'] AS told,
    JSONExtractArrayRaw(told) AS chain,
    arrayFirst(e -> JSONExtractInt(e, 'outerId') = 0, chain) AS outermost,
    chain[-1] AS last,
    Attributes['exception.stacktrace'] AS stack,
    extractAll(stack, 'File "[^"\\n]*", line \\d+, in (\\S+)')[-1] AS throwing,
    Attributes['exception.type'] AS first_type,
    Attributes['exception.message'] AS first_message
SELECT
    timestamp,
    if(mapContains(Attributes, 'stepsight.exception.problem_id'), Attributes['stepsight.exception.problem_id'],
        if(method = '', type, concat(type, ' at ', method))) AS problemId,
    first_type AS type,
    if(text = '', first_message, text) AS message,
    JSONExtractString(told, 1, 'parsedStack', 1, 'assembly') AS assembly,
    if(JSONHas(told, 1, 'parsedStack', 1), JSONExtractString(told, 1, 'parsedStack', 1, 'method'), throwing) AS method,
    if(empty(chain), first_type, JSONExtractString(outermost, 'typeName')) AS outerType,
    if(empty(chain), first_message, JSONExtractString(outermost, 'message')) AS outerMessage,
    JSONExtractString(outermost, 'parsedStack', 1, 'assembly') AS outerAssembly,
    if(JSONHas(outermost, 'parsedStack', 1), JSONExtractString(outermost, 'parsedStack', 1, 'method'), if(length(chain) > 1, '', throwing)) AS outerMethod,
    if(empty(chain), first_type, JSONExtractString(last, 'typeName')) AS innermostType,
    if(empty(chain), first_message, JSONExtractString(last, 'message')) AS innermostMessage,
    JSONExtractString(last, 'parsedStack', 1, 'assembly') AS innermostAssembly,
    if(JSONHas(last, 'parsedStack', 1), JSONExtractString(last, 'parsedStack', 1, 'method'), if(length(chain) > 1, '', throwing)) AS innermostMethod,
    Attributes['stepsight.exception.handled_at'] AS handledAt,
    severityLevel,
    if(told != '', told, concat('[{"id":1,"outerId":0,"typeName":', @json(first_type), ',"message":', @json(first_message),
        ',"hasFullStack":', if(stack = '', 'false', 'true'), ',"stack":', @json(stack), '}]'))::Nullable(String) AS details,
    itemId,
    'exception' AS itemType,
    @dimensions(Attributes) AS customDimensions,
    @measurements(Attributes) AS customMeasurements,
    Attributes['ai.operation.name'] AS operation_Name,
    operation_Id,
    @first(Attributes, 'ai.operation.parentId', SpanId) AS operation_ParentId,
    @user_columns(Attributes),
    itemCount,
    ProjectId, RunId, StepId, StepName, ExperimentName, RunType,
    @run_dimension(Attributes, 'run_url') AS RunUrl, @run_dimension(Attributes, 'build_url') AS BuildUrl, @run_dimension(Attributes, 'build_version') AS BuildVersion,
    Attributes, Level, LevelName
FROM
(
    SELECT
        CAST(Timestamp, @utc) AS timestamp, if(startsWith(EventName, 'stepsight.'), '', Body) AS text, LogAttributes AS Attributes, ResourceAttributes,
        if(startsWith(EventName, 'stepsight.'), 3, @severity_level)::Nullable(Int32) AS severityLevel, @item_id('exception', ProjectId, Timestamp, ReceivedTimestamp, Sequence) AS itemId,
        if(empty(OperationText), TraceId, OperationText) AS operation_Id, SpanId, ServiceName, CAST(ItemCount, 'Int32') AS itemCount,
        ProjectId, RunId, StepId, StepName, ExperimentName, RunType, toString(Level) AS Level, toString(LevelName) AS LevelName
    FROM otel_logs WHERE @is_no_trace AND ItemType = 'exception'
    UNION ALL
    SELECT
        CAST(event_time, @utc) AS timestamp, '' AS text, event_attributes AS Attributes, ResourceAttributes,
        NULL::Nullable(Int32) AS severityLevel, @item_id('span event', ProjectId, Timestamp, ReceivedTimestamp, Sequence, event_number) AS itemId,
        if(empty(OperationText), TraceId, OperationText) AS operation_Id, SpanId, ServiceName, CAST(ItemCount, 'Int32') AS itemCount,
        ProjectId, RunId, StepId, StepName, ExperimentName, RunType, '' AS Level, '' AS LevelName
    FROM otel_traces
    ARRAY JOIN `Events.Timestamp` AS event_time, `Events.Name` AS event_name, `Events.Attributes` AS event_attributes, arrayEnumerate(`Events.Name`) AS event_number
    WHERE ExceptionEvents > 0 AND event_name = 'exception'
)
