from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from stepsight_collector.disk import DiskWatch, store_directory
from stepsight_collector.errors import DiskFullError
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers.check import REQUEST_TYPES
from stepsight_collector.receivers.ingest import Ingest
from stepsight_collector.receivers.shed import without_debug
from stepsight_collector.wal import Wal, read_entries

if TYPE_CHECKING:
    from pathlib import Path

    from stepsight_collector.wal import Signal

LOW, FULL = 1000, 100


def watch(directory: Path, wal: int, store: int) -> DiskWatch:
    room = {directory / "wal": wal, directory / "store": store}
    watched = DiskWatch(
        directory / "wal", directory / "store", LOW, FULL, free_bytes=room.__getitem__
    )
    watched.look()
    return watched


def logs_of(*severities: tuple[int, str]) -> bytes:
    request: Any = REQUEST_TYPES["logs"]()
    scope = request.resource_logs.add().scope_logs.add()
    for severity, event in severities:
        scope.log_records.add(severity_number=severity, event_name=event, time_unix_nano=1)
    return bytes(request.SerializeToString())


@pytest.mark.parametrize(
    ("wal", "store", "state"),
    [
        (LOW, LOW, "ok"),
        (LOW, LOW - 1, "low"),
        (LOW - 1, LOW, "low"),
        (FULL, LOW, "low"),
        (FULL - 1, LOW, "full"),
        (LOW, 0, "low"),
    ],
)
def test_a_low_volume_is_low_and_only_the_logs_own_can_be_full(
    tmp_path: Path, wal: int, store: int, state: str
) -> None:
    watched = watch(tmp_path, wal, store)

    assert watched.state == state
    assert (watched.message() is None) == (state == "ok")


def test_a_volume_that_cannot_be_asked_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = DiskWatch(tmp_path / "nowhere", None, LOW, FULL)

    watched.look()

    assert watched.state == "ok"
    assert "cannot be told" in caplog.text


def test_the_free_room_is_the_operating_systems(tmp_path: Path) -> None:
    watched = DiskWatch(tmp_path, None, 2**62, 0)

    watched.look()

    assert watched.state == "low"
    assert 0 < watched.free_bytes["wal"] < 2**62


def test_debug_is_shed_and_nothing_else() -> None:
    kept = [(0, ""), (9, ""), (17, ""), (5, "stepsight.step.end")]
    body = logs_of((1, ""), kept[0], (5, ""), kept[1], (8, "other"), kept[2], kept[3])

    assert without_debug(body) == (logs_of(*kept), 3)
    assert without_debug(logs_of(*kept)) == (logs_of(*kept), 0)


def accept(directory: Path, disk: DiskWatch, sent: list[tuple[Signal, bytes]]) -> Metrics:
    async def scenario() -> Metrics:
        metrics, wal = Metrics(), Wal(directory)
        await wal.start(lambda _: None)
        ingest = Ingest(wal, metrics, 10_000, disk=disk)
        for signal, body in sent:
            await ingest.accept(signal, body)
        await wal.close()
        ingest.close()
        return metrics

    return asyncio.run(scenario())


def test_on_a_low_disk_only_debug_is_missing_and_it_is_counted(tmp_path: Path) -> None:
    metric: Any = REQUEST_TYPES["metrics"]()
    metric.resource_metrics.add().scope_metrics.add().metrics.add(name="loss")
    sent: list[tuple[Signal, bytes]] = [
        ("logs", logs_of((5, ""), (17, ""))),
        ("logs", logs_of((5, ""))),
        ("metrics", metric.SerializeToString()),
    ]

    metrics = accept(tmp_path / "wal", watch(tmp_path, LOW - 1, LOW), sent)

    kept = [
        (file.parent.name, entry.request, entry.records)
        for file in sorted((tmp_path / "wal").glob("*/*.wal"))
        for entry in read_entries(file)
    ]
    assert kept == [("logs", logs_of((17, "")), 1), ("metrics", sent[2][1], 1)]
    assert dict(metrics.shed) == {("logs", "disk_low"): 2}
    assert metrics.signals["logs"].accepted_records == 1


def test_on_a_full_disk_requests_are_refused_for_now(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="senders keep their data") as caught:
        accept(tmp_path / "wal", watch(tmp_path, FULL - 1, LOW), [("logs", logs_of((17, "")))])

    assert caught.value.retry_after_s == 30
    assert list((tmp_path / "wal").glob("*/*.wal")) == []


def test_the_state_can_be_told_as_json(tmp_path: Path) -> None:
    watched = watch(tmp_path, LOW - 1, LOW)

    assert json.loads(json.dumps(watched.free_bytes)) == {"wal": LOW - 1, "store": LOW}


def test_only_an_embedded_store_has_a_volume() -> None:
    assert str(store_directory("chdb:///data/my%20store")) == "/data/my store"
    assert store_directory("clickhouse://u:p@host:8123/db") is None
