-- The exemplars of a data point.
    @maps(point.exemplars.filtered_attributes) AS `Exemplars.FilteredAttributes`,
    @times(point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(e -> @exemplar_number(e), point.exemplars) AS `Exemplars.Value`,
    arrayMap(e -> if(e.value = 6, e.as_int, NULL), point.exemplars) AS `Exemplars.IntValue`,
    @ids(point.exemplars.span_id) AS `Exemplars.SpanId`,
    @ids(point.exemplars.trace_id) AS `Exemplars.TraceId`
