"""The rows of query.py: a month of runs, made in the engine, in our tables and in the stock one.

Every run has three steps one after the other, of the same experiment and type, one operation,
5,000 log lines over an hour and 20 spans at 50 million lines. Both tables hold the same values:
run identity is on the resource, as the SDK sends it, and four attributes are on each line.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from insert_cost import STOCK, STOCK_COLUMNS
from stepsight_collector.store.schema import QUIET_S

if TYPE_CHECKING:
    from stepsight_collector.store import Store

__all__ = ["DAYS", "FIRST", "PROJECT", "Shape", "fill", "is_filled", "sizes"]

PROJECT = "bench"
FIRST, DAYS = "2026-01-01 00:00:00", 30
SPANS = 20
_CHUNK = 2_000_000
_SETTLE_S = 600
_STOCK_SPANS = """
CREATE TABLE stock_traces
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)), TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)), ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)), SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)), ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(T64, ZSTD(1)), StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1
"""
_STOCK_SPAN_COLUMNS = (
    "Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, "
    "ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, "
    "StatusMessage"
)


@dataclass(frozen=True)
class Shape:
    """How many lines and runs there are."""

    rows: int
    runs: int

    @property
    def lines(self) -> int:
        """Log lines of a run."""
        return self.rows // self.runs


def _with(shape: Shape, per_run: int) -> str:
    """SQL for what a row is made of; `number` counts all rows, `place` those of its run."""
    return f"""WITH
    intDiv(number, {per_run}) AS run, number % {per_run} AS place,
    ['prepare', 'train', 'evaluate'][1 + intDiv(place * 3, {per_run})] AS step,
    concat('pipeline-2026-', leftPad(toString(run), 6, '0')) AS run_id,
    concat(run_id, '-', step) AS step_run,
    ['digits', 'churn', 'prices', 'routes'][1 + run % 4] AS experiment,
    if(run % 3 = 0, 'scoring', 'training') AS run_type,
    toDateTime64('{FIRST}', 9) + toIntervalNanosecond(
        toInt64(run * {DAYS * 86400} / {shape.runs} * 1e9)
        + toInt64((place + (cityHash64(number) % 1000) / 1000) * 3600e9 / {per_run})) AS at,
    concat('node-', toString(run % 40)) AS node, lower(hex(sipHash128(run))) AS operation,
    map('service.name', step, 'service.instance.id', concat(node, '/', toString(run)),
        'host.name', node, 'process.pid', toString(run), 'parent_run_id', run_id,
        'step_id', step_run, 'step_name', step, 'experiment_name', experiment,
        'run_type', run_type, 'run_url', concat('https://runs.example/', run_id),
        'telemetry.sdk.name', 'stepsight', 'telemetry.sdk.version', '0.1') AS resource,
    cityHash64(number, 1) AS luck"""


_IDENTITY = f"'{PROJECT}', 'stepsight/0.1', run_id, step_run, step, experiment, step, operation"
_IDENTITY_COLUMNS = (
    "ProjectId, Client, RunId, StepId, StepName, ExperimentName, ServiceName, TraceId"
)


def _lines(shape: Shape, start: int, count: int) -> str:
    return f"""INSERT INTO otel_logs ({_IDENTITY_COLUMNS}, Timestamp, ObservedTimestamp,
    ReceivedTimestamp, SpanId, SeverityText, SeverityNumber, Body, ScopeName,
    ResourceAttributes, LogAttributes)
{_with(shape, shape.lines)},
    multiIf(luck % 1000 < 5, 'ERROR', luck % 1000 < 25, 'WARNING', luck % 10 = 0, 'DEBUG',
        'INFO') AS level
SELECT {_IDENTITY}, at, at, at + toIntervalMillisecond(luck % 900),
    substring(hex(sipHash64(run, step)), 1, 16), level,
    transform(level, ['DEBUG', 'INFO', 'WARNING', 'ERROR'], [5, 9, 13, 17], 9),
    concat('epoch ', toString(intDiv(place, 100)), ': batch ', toString(place), ' done, loss ',
        toString((luck % 100000) / 1e5), ', ',
        ['ok', 'slow disk', 'retry of shard', 'skipped rows'][1 + luck % 4]),
    'train.loop', resource,
    map('code.file.path', '/srv/pipeline/train.py', 'code.line.number', toString(20 + luck % 40),
        'code.function.name', 'fit', 'batch', toString(place))
FROM numbers({start}, {count})
SETTINGS max_insert_threads = 1, max_threads = 2, max_insert_block_size = 1000000,
    max_partitions_per_insert_block = 0"""


def _spans(shape: Shape) -> str:
    return f"""INSERT INTO flat_traces ({_IDENTITY_COLUMNS}, Timestamp, ReceivedTimestamp, SpanId,
    ParentSpanId, SpanName, SpanKind, Duration, StatusCode, ResourceAttributes, SpanAttributes)
{_with(shape, SPANS)}
SELECT {_IDENTITY}, at, at, substring(hex(sipHash64(number)), 1, 16),
    if(place = 0, '', substring(hex(sipHash64(run)), 1, 16)),
    ['step', 'load', 'GET', 'save'][1 + place % 4],
    ['Server', 'Internal', 'Client', 'Internal'][1 + place % 4],
    luck % 5000000000, if(luck % 50 = 0, 'Error', 'Ok'), resource, map('rows', toString(luck % 999))
FROM numbers({shape.runs * SPANS}) SETTINGS max_partitions_per_insert_block = 0"""


def _events(shape: Shape) -> str:
    """Start and end of every step, by the way of all records: these make the runs."""
    return f"""INSERT INTO flat_logs ({_IDENTITY_COLUMNS}, Timestamp, ReceivedTimestamp,
    SeverityNumber, EventName, ResourceAttributes, LogAttributes)
{_with(shape, 6)},
    if(place % 2 = 0, 'start', 'end') AS kind
SELECT {_IDENTITY}, at, at, 9, concat('stepsight.step.', kind), resource,
    map('stepsight.witness', 'process', 'stepsight.status',
        if(kind = 'start', '', if(luck % 20 = 0, 'Failed', 'Completed')))
FROM numbers({shape.runs * 6}) SETTINGS max_partitions_per_insert_block = 0, max_threads = 1"""


def fill(store: Store, shape: Shape, *, say: bool = True) -> None:
    """Make all rows, and wait until merges rest. Minutes and gigabytes at full size.

    Merges that the engine does in a partition that was quiet for an hour are asked for at once.
    """
    writer: Any = store._writers["logs"]  # noqa: SLF001 - benches measure the engine itself
    begun = time.monotonic()
    writer.command(_events(shape))
    for start in range(0, shape.rows, _CHUNK):
        writer.command(_lines(shape, start, min(_CHUNK, shape.rows - start)))
    writer.command(_spans(shape))
    _report(say, "our tables filled", begun)
    writer.command(STOCK)
    writer.command(_STOCK_SPANS)
    for day in range(DAYS + 1):
        writer.command(
            f"INSERT INTO stock SELECT {STOCK_COLUMNS} FROM otel_logs WHERE toDate(Timestamp) = "
            f"toDate('{FIRST[:10]}') + {day} SETTINGS max_insert_threads = 1, max_threads = 1"
        )
    writer.command(
        f"INSERT INTO stock_traces SELECT {_STOCK_SPAN_COLUMNS} FROM otel_traces "
        "SETTINGS max_partitions_per_insert_block = 0"
    )
    _report(say, "stock tables filled", begun)
    for table in ("otel_logs", "stock", "otel_traces", "stock_traces"):
        writer.command(f"OPTIMIZE TABLE {table}")
    for table in ("otel_logs", "otel_traces"):
        _settle(writer, table)
    while writer.query("SELECT count() FROM system.merges").result_rows[0][0]:
        time.sleep(0.5)
    _report(say, "merges at rest", begun)


def _settle(writer: Any, table: str) -> None:
    """Have quiet partitions merged now."""
    setting = "min_age_to_force_merge_seconds"
    usual = f"ALTER TABLE {table} MODIFY SETTING {setting} = "
    parts = (
        "SELECT countIf(parts > 1 AND size < 2147483648) FROM (SELECT count() AS parts, "
        "sum(bytes_on_disk) AS size FROM system.parts WHERE active AND rows > 0 "
        f"AND table = '{table}' GROUP BY partition)"
    )
    writer.command(f"{usual}1")
    deadline = time.monotonic() + _SETTLE_S
    while writer.query(parts).result_rows[0][0]:
        if time.monotonic() > deadline:
            raise SystemExit(f"{table} has partitions of more than one part after {_SETTLE_S} s.")
        time.sleep(0.5)
    writer.command(f"{usual}{QUIET_S}")


def is_filled(store: Store) -> bool:
    """Whether the rows are there, from a run before."""
    return bool(store.query("EXISTS TABLE stock_traces").rows[0][0])


def sizes(store: Store) -> dict[str, float]:
    """Bytes a row on disk, by table."""
    rows = store.query(
        "SELECT table, sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND table IN "
        "('otel_logs', 'stock', 'otel_traces', 'stock_traces') GROUP BY table"
    ).rows
    return dict(rows)


def _report(say: bool, what: str, begun: float) -> None:
    if say:
        print(f"# {what} after {time.monotonic() - begun:.0f} s", flush=True)
