// OpenTelemetry's OTLP exporters of Node: logs as JSON, spans and metrics as protobuf.
// Arguments: endpoint, run id. Prints the span ids, as JSON.
const { SpanKind, SpanStatusCode, trace, context } = require("@opentelemetry/api");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-http");
const { OTLPMetricExporter } = require("@opentelemetry/exporter-metrics-otlp-proto");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { TracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace");

async function main() {
  const [endpoint, run] = process.argv.slice(2);
  const resource = resourceFromAttributes({
    "service.name": "node", parent_run_id: run, step_id: "s-1",
  });

  const logs = new LoggerProvider({
    resource,
    processors: [
      new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${endpoint}/v1/logs` }) }),
    ],
  });
  const tracing = new TracerProvider({
    resource,
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }) }),
    ],
  });
  const metering = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ url: `${endpoint}/v1/metrics` }),
        exportIntervalMillis: 3600000,
      }),
    ],
  });

  const tracer = tracing.getTracer("tracer", "1.0");
  const outer = tracer.startSpan("outer", { kind: SpanKind.SERVER });
  const inside = trace.setSpan(context.active(), outer);
  const inner = tracer.startSpan("inner", { attributes: { rows: 5 } }, inside);
  inner.addEvent("checkpoint", { k: "v" });
  inner.setStatus({ code: SpanStatusCode.ERROR, message: "broken" });
  logs.getLogger("train").emit({
    severityNumber: 9, severityText: "INFO", body: "inside a span", context: inside,
    attributes: { n: 3, loss: 0.5, flag: true, l: ["a"] },
  });
  inner.end();
  outer.end();
  const meter = metering.getMeter("meter");
  meter.createCounter("rows", { unit: "1", description: "rows read" }).add(7, { k: "v" });
  meter.createGauge("lr").record(0.001);
  meter.createHistogram("loss").record(0.25);

  for (const provider of [logs, tracing, metering]) await provider.shutdown();
  console.log(JSON.stringify({
    trace: outer.spanContext().traceId, outer: outer.spanContext().spanId,
    inner: inner.spanContext().spanId,
  }));
}

main();
