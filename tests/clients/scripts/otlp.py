"""OpenTelemetry's own OTLP exporters, over HTTP or gRPC. Prints ids, as JSON."""

from __future__ import annotations

import json
import logging
import sys

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

PROTOCOL, ENDPOINT, RUN = sys.argv[1:]
RESOURCE = Resource.create({"service.name": "otlp", "parent_run_id": RUN, "step_id": "s-1"})

if PROTOCOL == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    log_exporter = OTLPLogExporter(endpoint=ENDPOINT, insecure=True)
    metric_exporter = OTLPMetricExporter(endpoint=ENDPOINT, insecure=True)
    span_exporter = OTLPSpanExporter(endpoint=ENDPOINT, insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import (  # type: ignore[assignment]
        OTLPLogExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # type: ignore[assignment]
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # type: ignore[assignment]
        OTLPSpanExporter,
    )

    log_exporter = OTLPLogExporter(f"{ENDPOINT}/v1/logs", compression=Compression.Gzip)
    metric_exporter = OTLPMetricExporter(f"{ENDPOINT}/v1/metrics", compression=Compression.Gzip)
    span_exporter = OTLPSpanExporter(f"{ENDPOINT}/v1/traces", compression=Compression.Gzip)


def main() -> None:
    logs = LoggerProvider(resource=RESOURCE)
    logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
    logger = logging.getLogger("train")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(LoggingHandler(logger_provider=logs))
    spans = TracerProvider(resource=RESOURCE)
    spans.add_span_processor(BatchSpanProcessor(span_exporter))
    tracer = spans.get_tracer("tracer", "1.0")
    with tracer.start_as_current_span("outer", kind=SpanKind.SERVER) as outer:
        logger.info("inside %s", "a span", extra={"n": 3, "loss": 0.5, "flag": True, "l": ["a"]})
        link = Link(outer.get_span_context(), {"why": "test"})
        with tracer.start_as_current_span("inner", links=[link], attributes={"rows": 5}) as inner:
            inner.add_event("checkpoint", {"k": "v"})
            inner.set_status(Status(StatusCode.ERROR, "broken"))
    reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=3_600_000)
    metrics = MeterProvider([reader], resource=RESOURCE)
    meter = metrics.get_meter("meter")
    meter.create_counter("rows", "1", "rows read").add(7, {"k": "v"})
    meter.create_gauge("lr").set(0.001)
    meter.create_histogram("loss").record(0.25)
    for provider in (logs, spans, metrics):
        provider.shutdown()
    context = outer.get_span_context()
    print(json.dumps({
        "trace": f"{context.trace_id:032x}", "outer": f"{context.span_id:016x}",
        "inner": f"{inner.get_span_context().span_id:016x}",
    }))  # fmt: skip


if __name__ == "__main__":
    main()
