from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from prometheus_client.parser import text_string_to_metric_families

from stepsight_collector.exposition import Observed, families, render_otlp, render_prometheus
from stepsight_collector.metrics import Metrics
from stepsight_collector.wal import WalUsage

USAGE = WalUsage(5, 2, 1.5)
OBSERVED = Observed([("otel_logs", 3, 100, 4096)], {"wal": 7, "store": 8}, "low")


def busy() -> Metrics:
    metrics = Metrics()
    metrics.signals["logs"].accepted_records = 11
    metrics.signals["logs"].resent_requests = 2
    metrics.count_rejected("traces", "malformed")
    metrics.shed["logs", "disk_low"] += 4
    metrics.count_agent('strange"agent\\\n/1 more')
    metrics.insert_s["logs"].observe(0.2)
    metrics.insert_s["logs"].observe(99.0)
    return metrics


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_prometheus_reads_every_figure() -> None:
    found = samples(render_prometheus(busy(), USAGE, OBSERVED).decode())

    assert found["stepsight_accepted_records_total"][("logs",)] == 11
    assert found["stepsight_resent_requests_total"][("logs",)] == 2
    assert found["stepsight_rejected_requests_total"] == {("traces", "malformed"): 1}
    assert found["stepsight_shed_records_total"] == {("logs", "disk_low"): 4}
    assert found["stepsight_agent_requests_total"] == {('strange"agent\\\n/1',): 1}
    assert found["stepsight_insert_duration_seconds_bucket"][("logs", "0.2")] == 1
    assert found["stepsight_insert_duration_seconds_bucket"][("logs", "+Inf")] == 2
    assert found["stepsight_insert_duration_seconds_count"][("logs",)] == 2
    assert found["stepsight_wal_oldest_age_seconds"] == {(): 1.5}
    assert found["stepsight_store_parts"] == {("otel_logs",): 3}
    assert found["stepsight_disk_free_bytes"] == {("store",): 8, ("wal",): 7}
    assert found["stepsight_disk_state"] == {(): 1}
    assert found["stepsight_process_cpu_seconds_total"][()] > 0
    assert found["stepsight_process_memory_bytes"][()] > 1_000_000


def test_otlp_has_the_same_figures_as_prometheus() -> None:
    metrics = busy()
    found = families(metrics, USAGE, OBSERVED)

    body = render_otlp(found, {"service.name": "stepsight-collector"}, 1, 2)

    [group] = ExportMetricsServiceRequest.FromString(body).resource_metrics
    by_name: dict[str, Any] = {each.name: each for each in group.scope_metrics[0].metrics}
    assert list(by_name) == [family.name for family in found]
    accepted = by_name["stepsight.accepted.records"].sum
    assert [point.as_double for point in accepted.data_points] == [11, 0, 0]
    assert (accepted.is_monotonic, accepted.aggregation_temporality) == (True, 2)
    assert by_name["stepsight.wal.oldest_age"].gauge.data_points[0].as_double == 1.5
    insert = by_name["stepsight.insert.duration"].histogram.data_points[0]
    assert (insert.count, insert.sum, sum(insert.bucket_counts)) == (2, 99.2, 2)
    assert len(insert.bucket_counts) == len(insert.explicit_bounds) + 1
    assert not any(name.endswith("_total") for name in by_name)


def test_of_many_agents_the_first_fifty_keep_their_names() -> None:
    metrics = Metrics()
    for number in range(80):
        metrics.count_agent(f"agent/{number} python/3")
    metrics.count_agent("agent/7")
    metrics.count_agent("")

    assert len(metrics.agents) == 51
    assert (metrics.agents["agent/7"], metrics.agents["other"]) == (2, 31)
