from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.clients.conftest import Collector

NODE = Path(__file__).parent / "node"
NODE_CACHE = Path(__file__).parents[2] / ".cache" / "node-client"


def node_client(collector: Collector, run: str) -> Any:
    """Send with OpenTelemetry's exporters of Node, installed once into a cache beside the tests."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("the Node client needs node and npm, which are not installed here")
    NODE_CACHE.mkdir(parents=True, exist_ok=True)
    wanted = (NODE / "package.json").read_text()
    installed = NODE_CACHE / "installed.json"
    if not installed.exists() or installed.read_text() != wanted:
        (NODE_CACHE / "package.json").write_text(wanted)
        subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--silent"],
            cwd=NODE_CACHE, check=True, timeout=150,
        )  # fmt: skip
        installed.write_text(wanted)
    shutil.copy(NODE / "otlp.js", NODE_CACHE / "otlp.js")
    done = subprocess.run(
        [node, str(NODE_CACHE / "otlp.js"), collector.http, run],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("client", ["http", "grpc", "node"])
def test_every_record_of_an_otlp_exporter_is_stored_with_its_fields(
    collector: Collector, client: str
) -> None:
    run = f"run-{collector.key}"
    if client == "node":
        sent = node_client(collector, run)
    else:
        endpoint = collector.grpc if client == "grpc" else collector.http
        sent = collector.run("otlp.py", client, endpoint, run)

    def ask(columns: str, table: str, order: str = "1") -> list[list[Any]]:
        where = f"RunId = '{run}' AND StepId = 's-1'"
        return collector.rows(f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {order}")

    [log] = ask("Body, SeverityNumber, ScopeName, TraceId, SpanId, LogAttributes", "otel_logs")
    assert log[:5] == ["inside a span", 9, "train", sent["trace"], sent["outer"]]
    assert log[5].items() >= {"n": "3", "loss": "0.5", "flag": "true", "l": '["a"]'}.items()
    spans = ask(
        "SpanName, SpanKind, TraceId, SpanId, ParentSpanId, StatusCode, StatusMessage, "
        "SpanAttributes, Events.Name, Events.Attributes, Links.SpanId, ScopeName, ScopeVersion",
        "otel_traces",
    )
    trace, scope = sent["trace"], ["tracer", "1.0"]
    links = [] if client == "node" else [sent["outer"]]
    assert spans == [
        ["inner", "Internal", trace, sent["inner"], sent["outer"], "Error", "broken",
         {"rows": "5"}, ["checkpoint"], [{"k": "v"}], links, *scope],
        ["outer", "Server", trace, sent["outer"], "", "Unset", "", {}, [], [], [], *scope],
    ]  # fmt: skip
    assert ask("MetricName, Value, ScopeName", "otel_metrics_gauge") == [["lr", 0.001, "meter"]]
    assert ask(
        "MetricName, Value, Attributes, MetricUnit, MetricDescription, IsMonotonic",
        "otel_metrics_sum",
    ) == [["rows", 7, {"k": "v"}, "1", "rows read", True]]
    assert ask("MetricName, Count, Sum, Min, Max", "otel_metrics_histogram") == [
        ["loss", 1, 0.25, 0.25, 0.25]
    ]
