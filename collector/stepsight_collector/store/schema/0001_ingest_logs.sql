-- Where OTLP log requests enter, nested as the message is. Stores nothing: the view below flattens each block.
CREATE TABLE ingest_logs
(
    project String,
    received_time_unix_nano UInt64,
    client String,
    request Tuple(resource_logs Array(Tuple(
        resource @resource,
        scope_logs Array(Tuple(
            scope @scope,
            log_records Array(Tuple(
                time_unix_nano UInt64, observed_time_unix_nano UInt64, severity_number Int32, severity_text String, body @any_value,
                attributes @attributes, dropped_attributes_count UInt32, flags UInt32, trace_id String, span_id String, event_name String)),
            schema_url String)),
        schema_url String)))
)
ENGINE = Null
