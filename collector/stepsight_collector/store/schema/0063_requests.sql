-- Application Insights, classic table requests: spans of kind Server and Consumer. A step run is one: the step's own span.
-- Columns are filled from OpenTelemetry's conventions, old and new, as Azure Monitor's exporter for Python does it.
CREATE VIEW requests AS
WITH
    @request_parts
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    @first(SpanAttributes, 'stepsight.item.id', SpanId) AS id,
    multiIf(
        mapContains(SpanAttributes, 'stepsight.request.source'), SpanAttributes['stepsight.request.source'],
        is_breeze, '',
        @request_source) AS source,
    @request_name AS name,
    multiIf(
        mapContains(SpanAttributes, 'stepsight.request.url'), SpanAttributes['stepsight.request.url'],
        is_breeze, '',
        @request_url) AS url,
    if(@request_failed, 'False', 'True') AS success,
    multiIf(
        mapContains(SpanAttributes, 'stepsight.result.code'), SpanAttributes['stepsight.result.code'],
        is_breeze, '',
        http_status = '', '0', http_status) AS resultCode,
    Duration / 1e6 AS duration,
    @bucket(duration) AS performanceBucket,
    @span_columns('request')
FROM otel_traces WHERE SpanKind IN ('Server', 'Consumer')
