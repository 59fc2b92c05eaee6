"""OpenCensus: AzureExporter for spans, MetricsExporter for views. Prints the span ids."""

from __future__ import annotations

import json
import sys

from opencensus.ext.azure import metrics_exporter
from opencensus.ext.azure.trace_exporter import AzureExporter
from opencensus.stats import aggregation, measure, stats, view
from opencensus.tags import tag_map
from opencensus.tags.tag_key import TagKey
from opencensus.tags.tag_value import TagValue
from opencensus.trace.samplers import AlwaysOnSampler
from opencensus.trace.span import SpanKind
from opencensus.trace.tracer import Tracer

CONNECTION = sys.argv[1]


def spans() -> dict[str, str]:
    exporter = AzureExporter(connection_string=CONNECTION)
    tracer = Tracer(sampler=AlwaysOnSampler(), exporter=exporter)
    found = {}
    with tracer.span(name="request") as server:
        server.span_kind = SpanKind.SERVER
        server.add_attribute("http.method", "GET")
        server.add_attribute("http.route", "/p")
        server.add_attribute("http.url", "http://h/p?q=1")
        server.add_attribute("http.status_code", 200)
        server.add_attribute("step_id", "oc-step")
        server.add_attribute("parent_run_id", "oc-run")
        with tracer.span(name="call") as client:
            client.span_kind = SpanKind.CLIENT
            client.add_attribute("component", "HTTP")
            client.add_attribute("http.method", "GET")
            client.add_attribute("http.url", "http://h2/p")
            client.add_attribute("http.status_code", 503)
            found["client"] = client.span_id
        with tracer.span(name="compute") as inner:
            inner.add_attribute("rows", 5)
            found["inner"] = inner.span_id
        found["server"] = server.span_id
        found["trace"] = tracer.span_context.trace_id
    tracer.finish()
    exporter._stop()
    return found


def metrics() -> None:
    loss = measure.MeasureFloat("loss", "loss", "1")
    key = TagKey("step_id")
    loss_view = view.View("loss_view", "", [key], loss, aggregation.LastValueAggregation())
    rows = measure.MeasureInt("rows", "rows", "1")
    rows_view = view.View("rows_sum", "", [], rows, aggregation.SumAggregation())
    exporter = metrics_exporter.new_metrics_exporter(
        connection_string=CONNECTION, export_interval=3600.0
    )
    stats.stats.view_manager.register_view(loss_view)
    stats.stats.view_manager.register_view(rows_view)
    recorder = stats.stats.stats_recorder.new_measurement_map()
    recorder.measure_float_put(loss, 0.25)
    recorder.measure_int_put(rows, 7)
    tags = tag_map.TagMap()
    tags.insert(key, TagValue("oc-step"))
    recorder.record(tags)
    exporter.export_metrics(stats.stats.get_metrics())
    exporter.shutdown()


if __name__ == "__main__":
    result = spans()
    metrics()
    print(json.dumps(result))
