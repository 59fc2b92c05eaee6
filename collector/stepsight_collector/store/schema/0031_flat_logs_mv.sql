-- Flattens requests into records. Resource and scope are converted once each, before the arrays below them are unfolded.
CREATE MATERIALIZED VIEW flat_logs_mv TO flat_logs AS
SELECT
    project AS ProjectId,
    client AS Client,
    @time(received_time_unix_nano) AS ReceivedTimestamp,
    @time(multiIf(rec.time_unix_nano != 0, rec.time_unix_nano, rec.observed_time_unix_nano != 0, rec.observed_time_unix_nano, received_time_unix_nano)) AS Timestamp,
    @time(rec.observed_time_unix_nano) AS ObservedTimestamp,
    @id(rec.trace_id) AS TraceId,
    @id(rec.span_id) AS SpanId,
    rec.flags AS TraceFlags,
    rec.severity_text AS SeverityText,
    toUInt8(least(greatest(rec.severity_number, 0), 255)) AS SeverityNumber,
    @text(rec.body) AS Body,
    rec.event_name AS EventName,
    @record_identity(attrs, 'parent_run_id') AS RunId,
    @record_identity(attrs, 'step_id') AS StepId,
    @record_identity(attrs, 'step_name') AS StepName,
    @record_identity(attrs, 'experiment_name') AS ExperimentName,
    resource_service_name AS ServiceName,
    resource_schema_url AS ResourceSchemaUrl,
    resource_attrs AS ResourceAttributes,
    resource_dropped AS ResourceDroppedAttributesCount,
    resource_entities AS ResourceEntityRefs,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_attrs AS ScopeAttributes,
    scope_dropped AS ScopeDroppedAttributesCount,
    attrs AS LogAttributes,
    rec.dropped_attributes_count AS DroppedAttributesCount
FROM
(
    SELECT *, rec, @map(rec.attributes) AS attrs
    FROM
    (
        SELECT
            project, client, received_time_unix_nano, resource_attrs, resource_dropped, resource_entities, resource_schema_url,
            resource_parent_run_id, resource_step_id, resource_step_name, resource_experiment_name, resource_service_name,
            toLowCardinality(sl.scope.name) AS scope_name, toLowCardinality(sl.scope.version) AS scope_version, @map(sl.scope.attributes) AS scope_attrs,
            sl.scope.dropped_attributes_count AS scope_dropped, toLowCardinality(sl.schema_url) AS scope_schema_url, sl.log_records AS recs
        FROM
        (
            SELECT
                project, client, received_time_unix_nano,
                @map(rl.resource.attributes) AS resource_attrs, rl.resource.dropped_attributes_count AS resource_dropped,
                resource_attrs['parent_run_id'] AS resource_parent_run_id, resource_attrs['step_id'] AS resource_step_id,
                resource_attrs['step_name'] AS resource_step_name, resource_attrs['experiment_name'] AS resource_experiment_name,
                toLowCardinality(resource_attrs['service.name']) AS resource_service_name,
                @entities(rl.resource.entity_refs) AS resource_entities, toLowCardinality(rl.schema_url) AS resource_schema_url, rl.scope_logs AS sls
            FROM ingest_logs ARRAY JOIN request.resource_logs AS rl
        )
        ARRAY JOIN sls AS sl
    )
    ARRAY JOIN recs AS rec
)
