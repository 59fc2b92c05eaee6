"""What a running collector says of itself, in Prometheus text, as stored metrics, in its status."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from collecting import Collector, wait_a_little

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MORE_THAN_ANY_DISK = str(2**62)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    started: list[Collector] = []

    def run(*arguments: str) -> Collector:
        started.append(Collector(tmp_path, *arguments))
        started[-1].start()
        return started[-1]

    yield run
    for each in started:
        each.kill()


def send(collector: Collector, *severities: int) -> tuple[int, str | None]:
    """Send a log record of each severity; returns status and Retry-After."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for severity in severities:
        scope.log_records.add(severity_number=severity, time_unix_nano=time.time_ns())
    connection = http.client.HTTPConnection(urlsplit(collector.addresses["otlp_http"]).netloc)
    headers = {"Content-Type": "application/x-protobuf", "User-Agent": "some-agent/1 more"}
    connection.request("POST", "/v1/logs", request.SerializeToString(), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Retry-After")


def metrics_page(collector: Collector) -> dict[str, dict[tuple[str, ...], float]]:
    connection = http.client.HTTPConnection(urlsplit(collector.addresses["otlp_http"]).netloc)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def stored_names(collector: Collector) -> set[str]:
    tables = ("sum", "gauge", "histogram")
    union = " UNION ALL ".join(
        f"SELECT MetricName FROM otel_metrics_{table} WHERE ProjectId = 'stepsight'"
        for table in tables
    )
    return {row[0] for row in collector.query(f"SELECT DISTINCT MetricName FROM ({union})")}


def test_the_figures_of_the_metrics_page_are_stored_as_metrics_of_project_stepsight(
    start: Callable[..., Collector],
) -> None:
    collector = start("--self-metrics-interval-s", "1")
    assert send(collector, 9, 17) == (200, None)
    collector.wait_until_stored()
    deadline = time.monotonic() + 60
    while "stepsight.freshness" not in (names := stored_names(collector)):
        assert time.monotonic() < deadline
        wait_a_little()

    page = metrics_page(collector)

    assert page["stepsight_agent_requests_total"][("some-agent/1",)] == 1
    assert page["stepsight_stored_records_total"][("logs",)] == 2
    assert page["stepsight_freshness_seconds_count"][("logs",)] == 1
    on_page = {name.removesuffix("_total").removesuffix("_seconds") for name in page}
    assert {name.replace(".", "_") for name in names} - on_page == {
        "stepsight_freshness",  # on the page as _bucket, _sum and _count
        "stepsight_insert_duration",
    }


def test_a_low_disk_is_said_everywhere_and_only_debug_is_missing(
    start: Callable[..., Collector], tmp_path: Path
) -> None:
    collector = start("--disk-low-bytes", MORE_THAN_ANY_DISK)

    assert send(collector, 5, 9, 17) == (200, None)

    collector.wait_until_stored()
    disk, page = collector.status()["disk"], metrics_page(collector)
    rows = collector.query("SELECT SeverityNumber FROM otel_logs ORDER BY SeverityNumber")
    assert rows == [[9], [17]]
    assert (disk["state"], disk["shed_records"]) == ("low", 1)
    assert "DEBUG log records are shed" in disk["message"]
    assert page["stepsight_shed_records_total"] == {("logs", "disk_low"): 1}
    assert page["stepsight_disk_state"] == {(): 1}
    assert (tmp_path / "collector.log").read_text().count("The disk is low") == 1


def test_on_a_full_disk_senders_are_told_to_come_again(start: Callable[..., Collector]) -> None:
    collector = start("--disk-full-bytes", MORE_THAN_ANY_DISK)

    assert send(collector, 17) == (503, "30")

    assert collector.status()["disk"]["state"] == "full"
    assert metrics_page(collector)["stepsight_rejected_requests_total"] == {
        ("logs", "disk_full"): 1
    }


@pytest.mark.parametrize(("arguments", "expected"), [((), "0"), (("--store-fsync",), "1")])
def test_the_embedded_store_syncs_inserts_if_it_is_told_to(
    start: Callable[..., Collector], arguments: tuple[str, ...], expected: str
) -> None:
    sql = (
        "SELECT name, value FROM system.merge_tree_settings "
        "WHERE name IN ('fsync_after_insert', 'fsync_part_directory') ORDER BY name"
    )

    rows = start(*arguments).query(sql)

    assert rows == [["fsync_after_insert", expected], ["fsync_part_directory", expected]]
