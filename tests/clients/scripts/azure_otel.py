"""azure-monitor-opentelemetry-exporter: logs, traces and metrics. Prints ids, as JSON."""

from __future__ import annotations

import json
import logging
import sys

from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
)
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, set_tracer_provider

CONNECTION = sys.argv[1]
RESOURCE = Resource.create(
    {
        "service.name": "trainer",
        "service.namespace": "ml",
        "service.version": "1.2.3",
        "service.instance.id": "node-0",
        "parent_run_id": "otel-run",
    }
)
IDENTITY = {"parent_run_id": "otel-run", "step_id": "otel-step"}


def traces() -> dict[str, str]:
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(
        BatchSpanProcessor(AzureMonitorTraceExporter(connection_string=CONNECTION))
    )
    set_tracer_provider(provider)  # the exporter looks there for the resource
    tracer = provider.get_tracer("t")
    attributes: dict[str, str | int] = {
        "http.method": "GET",
        "http.url": "http://h/p",
        "http.status_code": 200,
    }
    with tracer.start_as_current_span("GET /p", kind=SpanKind.SERVER, attributes=attributes) as top:
        top.set_attribute("step_id", "otel-step")
        logging.getLogger("train").info("inside a span")
        with tracer.start_as_current_span("compute", attributes={"rows": 5}) as inner:
            inner.add_event("checkpoint", {"k": "v"})
        try:
            with tracer.start_as_current_span("fails") as failing:
                fail()
        except RuntimeError:
            pass
    provider.shutdown()
    ids = {"server": top, "inner": inner, "failing": failing}
    found = {name: f"{span.get_span_context().span_id:016x}" for name, span in ids.items()}
    return {**found, "trace": f"{top.get_span_context().trace_id:032x}"}


def fail() -> None:
    raise RuntimeError("boom in span")


def metrics() -> None:
    exporter = AzureMonitorMetricExporter(connection_string=CONNECTION)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=RESOURCE)
    meter = provider.get_meter("m")
    meter.create_counter("rows").add(7, {"step_id": "otel-step"})
    histogram = meter.create_histogram("loss")
    for value in (0.1, 0.25, 0.5):
        histogram.record(value, IDENTITY)
    meter.create_gauge("lr").set(0.001)
    provider.shutdown()


def main() -> None:
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(
        BatchLogRecordProcessor(AzureMonitorLogExporter(connection_string=CONNECTION))
    )
    logger = logging.getLogger("train")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(LoggingHandler(logger_provider=provider))
    logger.info("epoch 3", extra={**IDENTITY, "n": 3, "flag": True, "loss": 0.5})
    dimensions = {
        **IDENTITY,
        "loss": float("nan"),
        "low": float("-inf"),
        "sizes": (1, 2),
        "quote": 'it\'s "so" \\ \n',
        "none": None,
        "flag": True,
    }
    logger.warning("folded", extra={"custom_dimensions": dimensions})
    logger.error("positional dict", {"step_id": "lost by the client"})  # noqa: PLE1205
    logger.critical("critical")
    try:
        divmod(1, 0)
    except ZeroDivisionError:
        logger.exception("caught", extra=IDENTITY)
    logger.info("unused", extra={"microsoft.custom_event.name": "step_completed", **IDENTITY})
    logger.info("unused", extra={
        "microsoft.availability.name": "ping", "microsoft.availability.id": "a-1",
        "microsoft.availability.duration": "00:00:01.5", "microsoft.availability.success": True,
        "microsoft.availability.runLocation": "here", "microsoft.availability.message": "fine",
    })  # fmt: skip
    ids = traces()
    provider.shutdown()
    metrics()
    print(json.dumps(ids))


if __name__ == "__main__":
    main()
