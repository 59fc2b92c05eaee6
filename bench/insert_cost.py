"""What an insert of log records costs, part by part: one thing is left out or changed at a time.

Usage: python bench/insert_cost.py [--requests 130] [--rounds 5]

Every variant is a database of its own in one embedded engine, with the store's schema but for one
change, and gets the same segments in turn. CPU time is the process's, engine threads included.
"merge" is one forced merge of all parts of otel_logs, for each row in it; "bytes" is otel_logs on
disk after it; "fixed" is the cost of an insert of one record. Findings:
docs/explanation/ingest-cost.md.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import clickhouse_connect

from _load import request_bodies
from stepsight_collector.store.engine import _CONFIG, WRITE_SETTINGS, migrate
from stepsight_collector.store.schema import Migration, load_migrations, load_proto
from stepsight_collector.wal import Entry, encode_entry

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 1000
EVENTS = ("flat_events_mv", "step_states_events_mv", "run_states_mv", "run_tags_mv")
DERIVED = ("step_states_logs_mv", *EVENTS)
COLUMNS = ["project", "received_time_unix_nano", "client", "request"]
# The OTel Collector's ClickHouse exporter, its DDL for servers without text indexes.
STOCK_COLUMNS = (
    "Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body, "
    "ResourceSchemaUrl, ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, "
    "ScopeAttributes, LogAttributes, EventName"
)
STOCK = """
CREATE TABLE stock
(
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)), SpanId String CODEC(ZSTD(1)), TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)), SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)), Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)), ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_key mapKeys(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_scope_attr_value mapValues(ScopeAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_log_attr_value mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8
)
ENGINE = MergeTree PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1
"""


@dataclass(frozen=True)
class Variant:
    """The schema with one change: a statement left out, or its text replaced."""

    name: str
    without: tuple[str, ...] = ()
    table: str = "otel_logs"
    replace: tuple[str, str] = ("", "")
    settings: dict[str, Any] = field(default_factory=dict)

    def migrations(self) -> list[Migration]:
        return [
            Migration(one.version, one.name, self._edited(one))
            for one in load_migrations()
            if one.name not in self.without
        ]

    def _edited(self, one: Migration) -> str:
        pattern, text = self.replace
        if not pattern or one.name != self.table:
            return one.sql
        edited, count = re.subn(pattern, text, one.sql)
        assert count, f"{pattern} is not in {self.table}"
        return edited


def without_index(name: str) -> tuple[str, str]:
    return rf",\n    INDEX {name} [^\n]*?(?=,?\n)", ""


VARIANTS = (
    Variant("as it is"),
    *(
        Variant(f"without {name}", replace=without_index(name))
        for name in ("idx_run_id", "idx_trace_id", "idx_log_attr_key", "idx_log_attr_value")
    ),
    Variant("without idx_body", replace=without_index("idx_body")),
    Variant("without any index", replace=without_index(r"\w+")),
    Variant("inserted parts wide", replace=("min_level_for_wide_part = 1, ", "")),
    Variant(
        "lengths beside texts", replace=(", string_serialization_version = .single_stream.", "")
    ),
    Variant("with statistics", replace=(", auto_statistics_types = ..", "")),
    Variant("LZ4 for ZSTD(1)", replace=(r"ZSTD\(1\)", "LZ4")),
    Variant("not sorted", replace=(r"ORDER BY \([^\n]*\)\n", "ORDER BY tuple()\n")),
    Variant("two blocks a segment", settings={"max_block_size": 65_409}),
    Variant("without views of events", without=EVENTS),
    Variant("without derived views", without=DERIVED),
    Variant("flatten only", without=(*DERIVED, "otel_logs_mv")),
    Variant("read protobuf only", without=("flat_logs_mv",)),
)


class Engine:
    """One embedded engine with a database for each variant. Merges only when asked for."""

    def __init__(self, directory: Path) -> None:
        config, self.proto = directory / "config.xml", directory / "ingest.proto"
        config.write_text(_CONFIG.format(memory=4 << 30, fsync=False))
        self.proto.write_text(load_proto())
        self._connect: Callable[..., Any] = lambda database, settings: (
            clickhouse_connect.get_client(
                interface="chdb",
                path=str(directory / "store"),
                chdb_options={"config-file": str(config)},
                database=database,
                settings=settings,
            )
        )
        self.root = self._connect("default", {})
        self.root.command("SYSTEM STOP MERGES")
        self.writers: dict[str, Any] = {}
        self._tokens = 0

    def add(self, variant: Variant) -> None:
        database = f"v{len(self.writers)}"
        self.root.command(f"CREATE DATABASE {database}")
        migrate(self._connect(database, {}), variant.migrations())
        settings = {**WRITE_SETTINGS, **variant.settings}
        self.writers[variant.name] = self._connect(database, settings)

    def insert(self, name: str, payload: bytes) -> float:
        """CPU seconds."""
        self._tokens += 1
        settings = {
            "insert_deduplication_token": str(self._tokens),
            "format_schema_source": "file",
            "format_schema": str(self.proto),
            "format_schema_message_name": "IngestLogs",
            "input_format_protobuf_oneof_presence": 1,
        }
        before = time.process_time()
        self.writers[name].raw_insert(
            "ingest_logs", COLUMNS, insert_block=payload, settings=settings, fmt="Protobuf"
        )
        return time.process_time() - before

    def merge(self, name: str, table: str = "otel_logs") -> tuple[float, float]:
        """CPU seconds per million rows of one merge of everything, and bytes a row after it."""
        writer = self.writers[name]
        writer.command(f"SYSTEM START MERGES {writer.database}.{table}")
        before = time.process_time()
        writer.command(f"OPTIMIZE TABLE {table} FINAL")
        spent = time.process_time() - before
        [[rows, size]] = writer.query(
            "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts "
            f"WHERE active AND database = '{writer.database}' AND table = '{table}'"
        ).result_rows
        return (spent / rows * 1e6, size / rows) if rows else (float("nan"), float("nan"))

    def stock_bytes(self, name: str) -> float:
        """Bytes that a row takes in the stock exporter's table."""
        writer = self.writers[name]
        writer.command(STOCK)
        writer.command(f"INSERT INTO stock SELECT {STOCK_COLUMNS} FROM otel_logs")
        return self.merge(name, "stock")[1]


def segment(bodies: list[bytes], size: int = SIZE) -> bytes:
    entries = (
        Entry(request=body, received_time_unix_nano=time.time_ns(), client="bench", records=size)
        for body in bodies
    )
    return b"".join(part for one in entries for part in encode_entry(one))


def measure(engine: Engine, requests: int, rounds: int) -> dict[str, tuple[float, float]]:
    """For each variant: CPU seconds per million records, and milliseconds of a small insert."""
    large: dict[str, list[float]] = {one.name: [] for one in VARIANTS}
    small: dict[str, list[float]] = {one.name: [] for one in VARIANTS}
    for number in range(rounds + 1):
        payload = segment(request_bodies("logs", requests * SIZE, SIZE))
        tiny = segment(request_bodies("logs", 1, 1), 1)
        for name, spent_large in large.items():
            spent, spent_small = engine.insert(name, payload), engine.insert(name, tiny)
            if number:  # the first round warms up
                spent_large.append(spent / (requests * SIZE) * 1e6)
                small[name].append(spent_small * 1e3)
    return {
        name: (statistics.median(large[name]), statistics.median(small[name])) for name in large
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=130, help="of 1,000 records, in a segment")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        engine = Engine(Path(directory))
        for variant in VARIANTS:
            engine.add(variant)
        insert = measure(engine, arguments.requests, arguments.rounds)
        print("variant                    CPU-s per million  fixed ms  merge CPU-s/M  bytes/record")
        for name, (cpu, fixed_ms) in insert.items():
            merge, size = engine.merge(name)
            print(f"{name:26} {cpu:18.2f} {fixed_ms:9.1f} {merge:14.2f} {size:13.1f}", flush=True)
        stock = engine.stock_bytes(VARIANTS[0].name)
        print(f"{'stock exporter, the same rows':70} {stock:13.1f}")


if __name__ == "__main__":
    main()
