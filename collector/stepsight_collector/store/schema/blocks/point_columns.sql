-- The columns of metric_columns, of one data point that was unfolded as point.
WITH
    @map(point.attributes) AS attrs
SELECT
    project AS ProjectId,
    @identity(attrs, 'parent_run_id') AS RunId,
    @identity(attrs, 'step_id') AS StepId,
    @identity(attrs, 'step_name') AS StepName,
    @identity(attrs, 'experiment_name') AS ExperimentName,
    resource_attrs['service.name'] AS ServiceName,
    name AS MetricName,
    description AS MetricDescription,
    unit AS MetricUnit,
    metadata AS MetricMetadata,
    attrs AS Attributes,
    @time(point.start_time_unix_nano) AS StartTimeUnix,
    @time(if(point.time_unix_nano != 0, point.time_unix_nano, received_time_unix_nano)) AS TimeUnix,
    point.flags AS Flags,
    resource_attrs AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    resource_dropped AS ResourceDroppedAttributesCount,
    resource_entities AS ResourceEntityRefs,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_attrs AS ScopeAttributes,
    scope_dropped AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    @time(received_time_unix_nano) AS ReceivedTimestamp,
    client AS Client
