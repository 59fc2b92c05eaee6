-- Application Insights, classic table dependencies: spans of all other kinds; Internal ones are of type InProc.
-- Columns are filled from OpenTelemetry's conventions, old and new, as Azure Monitor's exporter for Python does it.
CREATE VIEW dependencies AS
WITH
    @dependency_parts
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    @first(SpanAttributes, 'stepsight.item.id', SpanId) AS id,
    multiIf(
        mapContains(SpanAttributes, 'stepsight.dependency.target'), SpanAttributes['stepsight.dependency.target'],
        is_breeze, '',
        @dependency_target) AS target,
    multiIf(
        mapContains(SpanAttributes, 'stepsight.dependency.type'), SpanAttributes['stepsight.dependency.type'],
        is_breeze, '',
        @dependency_type) AS type,
    @dependency_name AS name,
    multiIf(
        mapContains(SpanAttributes, 'stepsight.dependency.data'), SpanAttributes['stepsight.dependency.data'],
        is_breeze, '',
        @dependency_data) AS data,
    if(StatusCode = 'Error', 'False', 'True') AS success,
    multiIf(
        mapContains(SpanAttributes, 'stepsight.result.code'), SpanAttributes['stepsight.result.code'],
        is_breeze, '',
        http_status = '', '0', http_status) AS resultCode,
    Duration / 1e6 AS duration,
    @bucket(duration) AS performanceBucket,
    @span_columns('dependency')
FROM otel_traces WHERE SpanKind NOT IN ('Server', 'Consumer')
