"""Opens the store: connections to the embedded engine or to a server, and the schema.

The embedded engine takes one directory per process and must never be forked with; the caller holds
the lock on the
directory. Measured limits of the embedded engine: docs/explanation/embedded-engine.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode, urlsplit

import clickhouse_connect
from clickhouse_connect import common
from clickhouse_connect.driver.exceptions import ClickHouseError

from stepsight_collector.errors import ConfigError
from stepsight_collector.store.errors import SchemaTooNewError, StoreError, engine_message
from stepsight_collector.store.pool import Pool
from stepsight_collector.store.schema import Migration, load_migrations, load_proto
from stepsight_collector.store.store import SIGNALS, Store
from stepsight_collector.store.streams import EmbeddedStreamer, ServerStreamer, new_label

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.parse import SplitResult

    from clickhouse_connect.driver.client import Client

    from stepsight_collector.store.streams import Streamer

    Connect = Callable[[dict[str, Any]], Client]
    Stream = Callable[[dict[str, Any]], Streamer]

__all__ = ["StreamLimits", "open_store"]

READERS = 4
QUERY_TIMEOUT_S = 30
MAX_RESULT_ROWS = 100_001
QUERY_MEMORY_BYTES = 700 << 20

# Our batches are cut and counted by the WAL, so the engine must neither buffer nor split nor
# reorder them.
WRITE_SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_insert_threads": 1,
    "max_threads": 1,
    "parallel_view_processing": 0,
    # Takes 6 ms of an insert to join expressions that run once in it.
    "query_plan_merge_expressions": 0,
    # A request is one row on its way in, but a thousand records once flattened: few rows make a
    # large block.
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
    "max_insert_block_size": 1_000_000,
    # Unfolding requests into records must not split a segment into two parts.
    "max_block_size": 1_000_000,
    # Old records, late or from a wrong clock, may span any number of days.
    "max_partitions_per_insert_block": 0,
    "max_memory_usage": 0,
}
READ_SETTINGS: dict[str, Any] = {
    "date_time_output_format": "iso",
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 1,
    "output_format_json_validate_utf8": 1,
    # toJSONString is a value in queries too: "a/b" must not become "a\/b" in it.
    "output_format_json_escape_forward_slashes": 0,
    "max_execution_time": QUERY_TIMEOUT_S,
    "max_memory_usage": QUERY_MEMORY_BYTES,
    "max_threads": 2,
    "max_result_rows": MAX_RESULT_ROWS,
    "result_overflow_mode": "break",
}

# Of queries that are streamed: their reader stops taking rows where it has enough.
STREAM_SETTINGS: dict[str, Any] = {
    **{name: value for name, value in READ_SETTINGS.items() if "result" not in name},
    "output_format_json_quote_decimals": 1,
}


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How many queries are streamed at once, and what each of them may take of the engine."""

    at_once: int = 3
    max_time_s: int = 600
    max_memory_bytes: int = 500 << 20

    def settings(self) -> dict[str, Any]:
        """Return what a connection is told before its first query."""
        return {
            **STREAM_SETTINGS,
            "max_execution_time": self.max_time_s,
            "max_memory_usage": self.max_memory_bytes,
            "readonly": 1,
        }


# Caches and pools sized for one small machine beside a training job, not for a database server.
# Merges cost about as much as inserts for every time that a row is merged again: a selector base of
# 10 instead of 5 merges later and wider, for about twice as many parts (bench/sustained.py).
# An insert waits, longer with each part above 60 of a partition, so that merges keep up: without
# that, ten minutes of full load came to 356 parts and 1.9 GB.
_CONFIG = """<clickhouse>
    <max_server_memory_usage>{memory}</max_server_memory_usage>
    <mark_cache_size>67108864</mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <mmap_cache_size>16</mmap_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_schedule_pool_size>2</background_schedule_pool_size>
    <background_move_pool_size>1</background_move_pool_size>
    <background_fetches_pool_size>1</background_fetches_pool_size>
    <background_common_pool_size>2</background_common_pool_size>
    <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
    <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
    <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
    <timezone>UTC</timezone>
    <merge_tree>
        <fsync_after_insert>{fsync:d}</fsync_after_insert>
        <fsync_part_directory>{fsync:d}</fsync_part_directory>
        <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <max_bytes_to_merge_at_max_space_in_pool>2147483648</max_bytes_to_merge_at_max_space_in_pool>
        <parts_to_delay_insert>60</parts_to_delay_insert>
        <parts_to_throw_insert>400</parts_to_throw_insert>
        <min_delay_to_insert_ms>20</min_delay_to_insert_ms>
    </merge_tree>
</clickhouse>
"""
ENGINE_MEMORY_BYTES = 1200 << 20


@dataclass(frozen=True, slots=True)
class _Engine:
    """How to reach an engine, by which settings it finds the protobuf schema, and scratch.

    Scratch is the directory from which the engine reads what is to be inserted; None: it does not.
    """

    connect: Connect
    stream: Stream
    schema: dict[str, str]
    scratch: Path | None


def open_store(url: str, *, fsync: bool = False, streams: StreamLimits | None = None) -> Store:
    """Open the store at a URL, with its schema applied.

    `chdb:///path` is the embedded engine, `clickhouse[s]://user:password@host:port/database` a
    server. With `fsync` the embedded engine syncs every insert: without it a power cut may take
    back rows that were written in the last half minute. Blocks until the engine is there
    (embedded: about a second). Raises ConfigError for a URL of another form, StoreError when the
    engine cannot be opened, SchemaTooNewError when a newer stepsight wrote the store.
    """
    engine, limits = _engine(url, fsync=fsync), streams or StreamLimits()
    connect = _saying(engine.connect, url)
    migrator = connect({})
    try:
        migrate(migrator)
    except ClickHouseError as exc:
        raise _cannot_open(url, exc) from exc
    finally:
        migrator.close()
    return Store(
        _public(url),
        {signal: connect({}) for signal in SIGNALS},
        Pool(lambda: connect({**READ_SETTINGS, "readonly": 1}), READERS),
        Pool(lambda: engine.stream(limits.settings()), limits.at_once),
        connect({}),
        insert_settings={**WRITE_SETTINGS, **engine.schema},
        scratch=engine.scratch,
    )


def _saying(connect: Connect, url: str) -> Connect:
    """Have a connection that fails raise StoreError."""

    def connect_or_say(settings: dict[str, Any]) -> Client:
        try:
            return connect(settings)
        except ClickHouseError as exc:
            raise _cannot_open(url, exc) from exc

    return connect_or_say


def _cannot_open(url: str, exc: ClickHouseError) -> StoreError:
    return StoreError(f"cannot open the store {_public(url)}: {engine_message(exc)}")


def migrate(client: Client, migrations: list[Migration] | None = None) -> int:
    """Apply the schema files that this store has not seen; returns how many.

    Safe to repeat after a crash at any point.
    """
    migrations = load_migrations() if migrations is None else migrations
    client.command(
        "CREATE TABLE IF NOT EXISTS stepsight_schema "
        "(Version UInt32, Name String, AppliedAt DateTime) ENGINE = MergeTree ORDER BY Version"
    )
    applied = {row[0] for row in client.query("SELECT Version FROM stepsight_schema").result_rows}
    newest = max((migration.version for migration in migrations), default=0)
    if applied and max(applied) > newest:
        raise SchemaTooNewError(
            f"the store has schema version {max(applied)}, this stepsight knows up to {newest}. "
            "It was written by a newer stepsight: upgrade this one, or choose another --data."
        )
    pending = [migration for migration in migrations if migration.version not in applied]
    for migration in pending:
        client.command(_repeatable(migration.sql))
        client.command(
            f"INSERT INTO stepsight_schema VALUES ({migration.version}, '{migration.name}', now())"
        )
    return len(pending)


def _repeatable(sql: str) -> str:
    """The statement so that repeating it does no harm.

    A crash may come between a statement and its entry in the version table.
    """
    for kind in ("TABLE", "MATERIALIZED VIEW", "VIEW"):
        sql = sql.replace(f"CREATE {kind} ", f"CREATE {kind} IF NOT EXISTS ", 1)
    return sql


def _engine(url: str, *, fsync: bool) -> _Engine:
    parts = urlsplit(url)
    common.set_setting("autogenerate_session_id", False)
    if parts.scheme == "chdb":
        return _embedded(Path(unquote(parts.path)), fsync=fsync)
    if parts.scheme in {"clickhouse", "clickhouses"} and parts.hostname:
        schema = {"format_schema_source": "string", "format_schema": load_proto()}
        connect = _server_connector(parts)
        return _Engine(connect, _server_streams(_saying(connect, url)), schema, None)
    raise ConfigError(
        [
            (
                "STEPSIGHT_STORE must be chdb:///path or "
                f'clickhouse://user:password@host:8123/database, got "{_public(url)}". '
                "Unset it to use the embedded store in the data directory."
            )
        ]
    )


def _server_streams(connect: Connect) -> Stream:
    def stream(settings: dict[str, Any]) -> Streamer:
        label = new_label()
        answers = {
            "log_comment": label,
            "cancel_http_readonly_queries_on_client_close": 1,
            # What fails after its first row says so in a line of the format.
            "http_write_exception_in_output_format": 1,
        }
        return ServerStreamer(connect({**answers, **settings}), label)

    return stream


def _server_connector(parts: SplitResult) -> Connect:
    secure = parts.scheme == "clickhouses"
    return lambda settings: clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port or (8443 if secure else 8123),
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or "default",
        secure=secure,
        settings=settings,
    )


def _embedded(path: Path, *, fsync: bool) -> _Engine:
    if ":" in str(path):
        raise ConfigError(
            [f'The embedded store cannot be in a path with a colon, got "{path}". Choose another.']
        )
    config, schema = path / "stepsight.config.xml", path / "stepsight.proto"
    try:
        path.mkdir(parents=True, exist_ok=True)
        _keep_file(config, _CONFIG.format(memory=ENGINE_MEMORY_BYTES, fsync=fsync))
        _keep_file(schema, load_proto())
    except OSError as exc:
        raise StoreError(f"cannot open the store in {path}: {exc}") from exc
    options = {"config-file": str(config)}
    # The engine takes one address per process, so this is the one that clickhouse-connect makes.
    address = f"{path.resolve()}?{urlencode(options)}"
    # The embedded engine keeps a schema that is given as text in the current directory, whatever
    # format_schema_path says (chdb-io/chdb issue 642); a file of our own it reads where it is.
    return _Engine(
        lambda settings: clickhouse_connect.get_client(
            interface="chdb", path=str(path), chdb_options=options, settings=settings
        ),
        lambda settings: EmbeddedStreamer(address, settings),
        {"format_schema_source": "file", "format_schema": str(schema)},
        path,
    )


def _keep_file(file: Path, text: str) -> None:
    """Write a file unless it is there already: a restart must not fail on a full disk."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


def _public(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url
