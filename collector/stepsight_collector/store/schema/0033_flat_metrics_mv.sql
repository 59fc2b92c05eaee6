CREATE MATERIALIZED VIEW flat_metrics_mv TO flat_metrics AS
SELECT
    project, client, received_time_unix_nano, resource_attrs, resource_dropped, resource_entities, resource_schema_url,
    scope_name, scope_version, scope_attrs, scope_dropped, scope_schema_url,
    metric.name AS name, metric.description AS description, metric.unit AS unit, @map(metric.metadata) AS metadata,
    metric.gauge AS gauge, metric.sum AS sum, metric.histogram AS histogram, metric.exponential_histogram AS exponential_histogram, metric.summary AS summary
FROM
(
    SELECT
        project, client, received_time_unix_nano, resource_attrs, resource_dropped, resource_entities, resource_schema_url,
        sm.scope.name AS scope_name, sm.scope.version AS scope_version, @map(sm.scope.attributes) AS scope_attrs,
        sm.scope.dropped_attributes_count AS scope_dropped, sm.schema_url AS scope_schema_url, sm.metrics AS metrics
    FROM
    (
        SELECT
            project, client, received_time_unix_nano,
            @map(rm.resource.attributes) AS resource_attrs, rm.resource.dropped_attributes_count AS resource_dropped,
            @entities(rm.resource.entity_refs) AS resource_entities, rm.schema_url AS resource_schema_url, rm.scope_metrics AS sms
        FROM ingest_metrics ARRAY JOIN request.resource_metrics AS rm
    )
    ARRAY JOIN sms AS sm
)
ARRAY JOIN metrics AS metric
