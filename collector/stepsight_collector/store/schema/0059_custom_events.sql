-- Application Insights, classic table customEvents: log records with an event name. The run's own events are in runEvents.
CREATE VIEW customEvents AS
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    if(EventName = '' AND mapContains(LogAttributes, 'microsoft.custom_event.name'), LogAttributes['microsoft.custom_event.name'], EventName) AS name,
    @log_columns('customEvent')
FROM otel_logs WHERE @is_no_trace AND ItemType = 'customEvent'
