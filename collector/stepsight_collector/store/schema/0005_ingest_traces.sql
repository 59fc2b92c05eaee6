-- Where OTLP trace requests enter.
CREATE TABLE ingest_traces
(
    project String,
    received_time_unix_nano UInt64,
    client String,
    request Tuple(resource_spans Array(Tuple(
        resource @resource,
        scope_spans Array(Tuple(
            scope @scope,
            spans Array(Tuple(
                trace_id String, span_id String, trace_state String, parent_span_id String, flags UInt32, name String, kind Int32,
                start_time_unix_nano UInt64, end_time_unix_nano UInt64, attributes @attributes, dropped_attributes_count UInt32,
                events Array(Tuple(time_unix_nano UInt64, name String, attributes @attributes, dropped_attributes_count UInt32)), dropped_events_count UInt32,
                links Array(Tuple(trace_id String, span_id String, trace_state String, attributes @attributes, dropped_attributes_count UInt32, flags UInt32)),
                dropped_links_count UInt32, status Tuple(message String, code Int32))),
            schema_url String)),
        schema_url String)))
)
ENGINE = Null
