"""The real store under the loader: retries, lost answers and poison add nothing twice."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from stepsight_collector import loader, native, nested, poison
from stepsight_collector.loader import Loader
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers.check import REQUEST_TYPES
from stepsight_collector.rows import RowMaker
from stepsight_collector.store import Store, StoreError, StoreRefusedError
from stepsight_collector.wal import Entry, Wal, WalLimits, encode_entry, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stepsight_collector.wal import Signal

# Bytes that are a request to nobody: a submessage that ends before its length.
POISON = b"\x0a\x05\x12\x03\x12\x01\xff"
ONE_SEGMENT = WalLimits(max_age_s=3600.0)
BOTH_WAYS = pytest.mark.parametrize(
    "as_rows",
    [False, pytest.param(True, marks=pytest.mark.skipif(not native.is_there(), reason="no cargo"))],
)
COUNTS = """
SELECT
    (SELECT count() FROM otel_logs WHERE ProjectId = {p:String}),
    (SELECT count() FROM otel_traces WHERE ProjectId = {p:String}),
    (SELECT count() FROM otel_metrics_gauge WHERE ProjectId = {p:String}),
    (SELECT count() FROM run_metrics WHERE ProjectId = {p:String}),
    (SELECT count() FROM otel_traces_trace_id_ts WHERE ProjectId = {p:String}),
    (SELECT count() FROM run_states WHERE ProjectId = {p:String}),
    (SELECT (sum(LogRows), sum(Spans), sum(MetricRows)) FROM step_states
     WHERE ProjectId = {p:String})
"""


def request_of(signal: Signal, count: int = 3) -> bytes:
    """Records of a step, the first log record being a run event."""
    request: Any = REQUEST_TYPES[signal]()
    now = time.time_ns()
    resource = getattr(request, f"resource_{'spans' if signal == 'traces' else signal}").add()
    for key in ("parent_run_id", "step_id"):
        resource.resource.attributes.add(key=key).value.string_value = "r"
    scope = getattr(resource, f"scope_{'spans' if signal == 'traces' else signal}").add()
    scope.scope.name = "stepsight.run"
    for index in range(count):
        if signal == "logs":
            name = "stepsight.run.start" if index == 0 else ""
            scope.log_records.add(time_unix_nano=now + index, event_name=name)
        elif signal == "traces":
            scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=now + index)
        else:
            gauge = scope.metrics.add(name="loss").gauge
            gauge.data_points.add(time_unix_nano=now + index, as_double=0.5)
    return bytes(request.SerializeToString())


def entries(signal: Signal, project: str, bodies: Iterable[bytes]) -> list[Entry]:
    received = time.time_ns()
    return [Entry(body, received, project, "test/1", records=3) for body in bodies]


class LosesAnswers:
    """The real store, which does what it is asked and then fails to say so, `times` times."""

    def __init__(self, store: Store, times: int) -> None:
        self._store = store
        self._left = times
        self.largest_bytes = 0
        self.inserts_of_rows = 0

    def insert(self, signal: str, payload: bytes | Path, token: str) -> None:
        size_bytes = len(payload) if isinstance(payload, bytes) else payload.stat().st_size
        self.largest_bytes = max(self.largest_bytes, size_bytes)
        self._store.insert(signal, payload, token)
        self._lose()

    def insert_rows(self, signal: str, block: Path, token: str) -> None:
        self.inserts_of_rows += 1
        self._store.insert_rows(signal, block, token)
        self._lose()

    def _lose(self) -> None:
        if self._left > 0:
            self._left -= 1
            raise StoreError("the answer was lost")


def load(
    directory: Path, store: Any, by_signal: dict[Signal, list[Entry]], *, as_rows: bool = False
) -> Metrics:
    """Write entries to a log and have them loaded."""

    async def scenario() -> Metrics:
        metrics = Metrics()
        wal = Wal(directory, ONE_SEGMENT)
        rows = RowMaker(directory) if as_rows else None
        loading = Loader(cast("Store", store), wal, metrics, rows=rows, retry_first_s=0.001)
        await loading.start()
        await wal.start(loading.submit)
        for signal, each in by_signal.items():
            await asyncio.gather(*(wal.append(signal, entry) for entry in each))
        await wal.close()
        assert await loading.drain(60)
        await loading.stop()
        return metrics

    return asyncio.run(scenario())


@BOTH_WAYS
def test_an_insert_whose_answer_was_lost_adds_nothing_when_it_is_tried_again(
    store: Store, project: str, tmp_path: Path, *, as_rows: bool
) -> None:
    sent = {
        signal: entries(signal, project, [request_of(signal) for _ in range(4)])
        for signal in REQUEST_TYPES
    }

    losing = LosesAnswers(store, 6)
    metrics = load(tmp_path, losing, sent, as_rows=as_rows)

    assert metrics.loader.retries == 6
    assert (losing.inserts_of_rows > 2) == as_rows
    rows = store.query(COUNTS, {"p": project}).rows
    assert rows == [[12, 12, 12, 12, 1, 1, [8, 12, 12]]]  # run events are no log rows


@BOTH_WAYS
def test_of_a_poison_segment_the_bad_requests_are_set_aside_and_the_rest_is_stored_once(
    store: Store, project: str, tmp_path: Path, *, as_rows: bool
) -> None:
    bodies = [request_of("logs") for _ in range(60)]
    bodies[7] = bodies[8] = bodies[59] = POISON

    # Every other insert of the search loses its answer, so the search starts again and again.
    sent: dict[Signal, list[Entry]] = {"logs": entries("logs", project, bodies)}
    metrics = load(tmp_path, LosesAnswers(store, 9), sent, as_rows=as_rows)

    [refused] = (tmp_path / "logs").glob("*.refused")
    reasons = [
        json.loads(line) for line in refused.with_suffix(".refused.jsonl").read_text().splitlines()
    ]
    [[logs, *_, counted]] = store.query(COUNTS, {"p": project}).rows
    assert (logs, counted) == (171, [114, 0, 0])
    assert [each.request for each in read_entries(refused)] == [POISON] * 3
    assert [(each["request"], each["project"], each["bytes"]) for each in reasons] == [
        (index, project, len(POISON)) for index in (7, 8, 59)
    ]
    assert all("Attempt to read after eof" in each["reason"] for each in reasons)
    assert (metrics.loader.refused_records, metrics.loader.refused_segments) == (9, 1)
    assert metrics.signals["logs"].stored_records == 171
    assert list((tmp_path / "logs").glob("*.wal")) == []


@BOTH_WAYS
def test_nested_values_too_large_for_one_insert_are_stored_in_parts_once(
    store: Store,
    project: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    as_rows: bool,
) -> None:
    monkeypatch.setattr(poison, "MAX_INSERT_BYTES", 1 << 20)
    monkeypatch.setattr(loader, "MAX_INSERT_BYTES", 1 << 20)
    monkeypatch.setattr(nested, "PIECE_BYTES", 64 << 10)
    request: Any = REQUEST_TYPES["logs"].FromString(request_of("logs", 41))
    [scope] = request.resource_logs[0].scope_logs
    for record in scope.log_records:
        record.body.array_value.values.add().string_value = 20_000 * "\x01"
    entry = Entry(request.SerializeToString(), time.time_ns(), project, nested=True, records=41)

    # Every other insert loses its answer, so the segment is begun again and again.
    losing = LosesAnswers(store, 9)
    metrics = load(tmp_path, losing, {"logs": [entry]}, as_rows=as_rows)

    sql = "SELECT count(), min(length(Body)), max(length(Body)) FROM otel_logs"
    rows = store.query(f"{sql} WHERE ProjectId = {{p:String}}", {"p": project}).rows
    assert rows == [[41, 120_004, 120_004]]  # [" and "] around \\u0001, six characters for one
    assert losing.largest_bytes <= 1 << 20
    assert (metrics.loader.refused_records, metrics.signals["logs"].stored_records) == (0, 41)
    assert list((tmp_path / "logs").glob("*.refused")) == []


def test_a_refused_insert_stores_nothing_of_itself(store: Store, project: str) -> None:
    bodies = [request_of("logs", 1000) for _ in range(100)]
    payload = b"".join(
        part
        for entry in entries("logs", project, [*bodies, POISON])
        for part in encode_entry(entry)
    )

    with pytest.raises(StoreRefusedError):
        store.insert("logs", payload, f"{project}-whole")

    assert store.query(COUNTS, {"p": project}).rows[0][0] == 0


def test_a_schema_file_that_is_gone_is_no_reason_to_refuse_requests(
    store: Store, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = b"".join(encode_entry(entries("logs", project, [request_of("logs")])[0]))
    gone = {**store._insert_settings, "format_schema": "/nowhere/stepsight.proto"}
    monkeypatch.setattr(store, "_insert_settings", gone)

    with pytest.raises(StoreError) as caught:
        store.insert("logs", payload, f"{project}-1")

    assert not isinstance(caught.value, StoreRefusedError)
