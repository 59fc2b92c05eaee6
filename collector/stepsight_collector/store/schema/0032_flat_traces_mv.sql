CREATE MATERIALIZED VIEW flat_traces_mv TO flat_traces AS
SELECT
    project AS ProjectId,
    client AS Client,
    @time(received_time_unix_nano) AS ReceivedTimestamp,
    @time(if(rec.start_time_unix_nano != 0, rec.start_time_unix_nano, received_time_unix_nano)) AS Timestamp,
    @id(rec.trace_id) AS TraceId,
    @id(rec.span_id) AS SpanId,
    @id(rec.parent_span_id) AS ParentSpanId,
    rec.trace_state AS TraceState,
    rec.flags AS Flags,
    rec.name AS SpanName,
    transform(rec.kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], toString(rec.kind)) AS SpanKind,
    if(rec.end_time_unix_nano > rec.start_time_unix_nano, rec.end_time_unix_nano - rec.start_time_unix_nano, 0) AS Duration,
    transform(rec.status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'], toString(rec.status.code)) AS StatusCode,
    rec.status.message AS StatusMessage,
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
    attrs AS SpanAttributes,
    rec.dropped_attributes_count AS DroppedAttributesCount,
    rec.dropped_events_count AS DroppedEventsCount,
    rec.dropped_links_count AS DroppedLinksCount,
    @times(rec.events.time_unix_nano) AS `Events.Timestamp`,
    rec.events.name AS `Events.Name`,
    @maps(rec.events.attributes) AS `Events.Attributes`,
    rec.events.dropped_attributes_count AS `Events.DroppedAttributesCount`,
    @ids(rec.links.trace_id) AS `Links.TraceId`,
    @ids(rec.links.span_id) AS `Links.SpanId`,
    rec.links.trace_state AS `Links.TraceState`,
    @maps(rec.links.attributes) AS `Links.Attributes`,
    rec.links.dropped_attributes_count AS `Links.DroppedAttributesCount`,
    rec.links.flags AS `Links.Flags`
FROM
(
    SELECT *, rec, @map(rec.attributes) AS attrs
    FROM
    (
        SELECT
            project, client, received_time_unix_nano, resource_attrs, resource_dropped, resource_entities, resource_schema_url,
            resource_parent_run_id, resource_step_id, resource_step_name, resource_experiment_name, resource_service_name,
            toLowCardinality(sl.scope.name) AS scope_name, toLowCardinality(sl.scope.version) AS scope_version, @map(sl.scope.attributes) AS scope_attrs,
            sl.scope.dropped_attributes_count AS scope_dropped, toLowCardinality(sl.schema_url) AS scope_schema_url, sl.spans AS recs
        FROM
        (
            SELECT
                project, client, received_time_unix_nano,
                @map(rl.resource.attributes) AS resource_attrs, rl.resource.dropped_attributes_count AS resource_dropped,
                resource_attrs['parent_run_id'] AS resource_parent_run_id, resource_attrs['step_id'] AS resource_step_id,
                resource_attrs['step_name'] AS resource_step_name, resource_attrs['experiment_name'] AS resource_experiment_name,
                toLowCardinality(resource_attrs['service.name']) AS resource_service_name,
                @entities(rl.resource.entity_refs) AS resource_entities, toLowCardinality(rl.schema_url) AS resource_schema_url, rl.scope_spans AS sls
            FROM ingest_traces ARRAY JOIN request.resource_spans AS rl
        )
        ARRAY JOIN sls AS sl
    )
    ARRAY JOIN recs AS rec
)
