"""The collector's settings: one table, and the only place that reads the environment.

Precedence: argument, environment, `stepsight.toml` (its table `[collector]`), default. `--help`,
docs and the chart's schema are made from `ROWS`.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tomllib

from stepsight_collector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ROWS", "SettingRow", "Settings", "is_loopback", "load_settings"]

Kind = Literal["text", "secret", "path", "port", "optional_port", "whole", "switch"]

_MIB = 1024 * 1024
_MAX_PORT = 65_535
_TRUE, _FALSE = frozenset(("1", "true", "yes", "on")), frozenset(("0", "false", "no", "off", ""))
_OFF = "off"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting. `default` None means that it is derived; `minimum` is inclusive.

    A secret has no flag, because every user of a machine can read command lines.
    """

    name: str
    env: str
    kind: Kind
    default: str | int | bool | None
    unit: str
    doc: str
    flag: str
    minimum: int = 0


ROWS: tuple[SettingRow, ...] = (
    SettingRow("host", "STEPSIGHT_HOST", "text", "127.0.0.1", "",
               "Address to listen on.", "--host"),
    SettingRow("grpc_port", "STEPSIGHT_GRPC_PORT", "optional_port", 4317, "",
               'Port of OTLP over gRPC; 0 is any free one, "off" is none.', "--grpc-port"),
    SettingRow("http_port", "STEPSIGHT_HTTP_PORT", "port", 4318, "",
               "Port of OTLP over HTTP and of the health pages; 0 is any free one.", "--http-port"),
    SettingRow("ui_port", "STEPSIGHT_UI_PORT", "port", 8050, "",
               "Port of the UI and the query API; 0 is any free one.", "--ui-port"),
    SettingRow("data_dir", "STEPSIGHT_DATA", "path", None, "",
               "Directory of the write-ahead log and the embedded store; "
               "default: stepsight in the user's data directory.", "--data"),
    SettingRow("store", "STEPSIGHT_STORE", "text", None, "",
               "Where rows are kept: chdb:///path or clickhouse://user:password@host:8123/db; "
               "default: chdb in the data directory.", "--store"),
    SettingRow("store_fsync", "STEPSIGHT_STORE_FSYNC", "switch", False, "",
               "Have the embedded store sync every insert, so that a power cut takes nothing back; "
               "inserts take longer.", "--store-fsync"),
    SettingRow("no_native_library", "STEPSIGHT_NO_NATIVE_LIBRARY", "switch", False, "",
               "Do without the library in Rust: each record takes more CPU time, and nothing else "
               "changes.", "--no-native-library"),
    SettingRow("ready_file", "STEPSIGHT_READY_FILE", "path", None, "",
               "File that gets the addresses as JSON once the collector serves.", "--ready-file"),
    SettingRow("insecure", "STEPSIGHT_INSECURE", "switch", False, "",
               "Listen beyond this machine without any access control.", "--insecure"),
    SettingRow("tokens_file", "STEPSIGHT_TOKENS_FILE", "path", None, "",
               "TOML file of the tokens and instrumentation keys that may write or read; it is "
               "read again when it changes.", "--tokens-file"),
    SettingRow("write_token", "STEPSIGHT_WRITE_TOKEN", "secret", "", "",
               'Token that may write to the project "default".', ""),
    SettingRow("read_token", "STEPSIGHT_READ_TOKEN", "secret", "", "",
               "Token that may read every project.", ""),
    SettingRow("accept_unknown_keys", "STEPSIGHT_ACCEPT_UNKNOWN_KEYS", "switch", False, "",
               "Let any instrumentation key that is not in the tokens file write to the project "
               '"default".', "--accept-unknown-keys"),
    SettingRow("tls_cert", "STEPSIGHT_TLS_CERT", "path", None, "",
               "PEM file of the certificate, and of those it is signed with, for TLS on all "
               "ports; it is read again when it changes.", "--tls-cert"),
    SettingRow("tls_key", "STEPSIGHT_TLS_KEY", "path", None, "",
               "PEM file of the certificate's private key.", "--tls-key"),
    SettingRow("path_prefix", "STEPSIGHT_PATH_PREFIX", "text", "", "",
               "Path below which a proxy passes requests on with the path unchanged, for example "
               "/stepsight.", "--path-prefix"),
    SettingRow("cors_origins", "STEPSIGHT_CORS_ORIGINS", "text", "", "",
               "Web origins whose pages may send telemetry, separated by commas; * is any.",
               "--cors-origins"),
    SettingRow("max_body_bytes", "STEPSIGHT_MAX_BODY_BYTES", "whole", 64 * _MIB, "bytes",
               "Largest request over HTTP, before and after decompression.",
               "--max-body-bytes", 1),
    SettingRow("max_grpc_message_bytes", "STEPSIGHT_MAX_GRPC_MESSAGE_BYTES", "whole", 16 * _MIB,
               "bytes", "Largest request over gRPC, before and after decompression; each one that "
               "is being read takes as much of the memory for requests.",
               "--max-grpc-message-bytes", 1),
    SettingRow("max_json_bytes", "STEPSIGHT_MAX_JSON_BYTES", "whole", 4 * _MIB, "bytes",
               "Largest request in JSON, after decompression.", "--max-json-bytes", 1),
    SettingRow("max_in_flight_bytes", "STEPSIGHT_MAX_IN_FLIGHT_BYTES", "whole", 256 * _MIB, "bytes",
               "Memory that all requests together may take while they are received.",
               "--max-in-flight-bytes", 1),
    SettingRow("max_request_records", "STEPSIGHT_MAX_REQUEST_RECORDS", "whole", 1_000_000,
               "records", "Largest number of log records, spans or metrics in a request.",
               "--max-request-records", 1),
    SettingRow("max_record_bytes", "STEPSIGHT_MAX_RECORD_BYTES", "whole", 4 * _MIB, "bytes",
               "Largest log record, span or metric; a larger one is left out of its request.",
               "--max-record-bytes", 1),
    SettingRow("max_record_attributes", "STEPSIGHT_MAX_RECORD_ATTRIBUTES", "whole", 262_144,
               "attributes", "Largest number of attributes, events, points or list values in a "
               "record; one that has more is left out of its request.",
               "--max-record-attributes", 1),
    SettingRow("project_bytes_per_s", "STEPSIGHT_PROJECT_BYTES_PER_S", "whole", 0,
               "bytes per second", "What each project may send in the long run, ten seconds' worth "
               "at once; 0 is without limit.", "--project-bytes-per-s"),
    SettingRow("project_records_per_s", "STEPSIGHT_PROJECT_RECORDS_PER_S", "whole", 0,
               "records per second", "The same, in records.", "--project-records-per-s"),
    SettingRow("max_connections", "STEPSIGHT_MAX_CONNECTIONS", "whole", 1024, "connections",
               "Largest number of open connections on each port; over it, idle ones are closed.",
               "--max-connections", 1),
    SettingRow("header_timeout_s", "STEPSIGHT_HEADER_TIMEOUT_S", "whole", 10, "seconds",
               "How long a client may take for the header of a request.",
               "--header-timeout-s", 1),
    SettingRow("body_timeout_s", "STEPSIGHT_BODY_TIMEOUT_S", "whole", 10, "seconds",
               "How long a client may take for the body of a request, beside the time that the "
               "lowest rate allows.", "--body-timeout-s", 1),
    SettingRow("min_body_bytes_per_s", "STEPSIGHT_MIN_BODY_BYTES_PER_S", "whole", 4096,
               "bytes per second", "Lowest rate at which a client may send a body.",
               "--min-body-bytes-per-s", 1),
    SettingRow("idle_timeout_s", "STEPSIGHT_IDLE_TIMEOUT_S", "whole", 75, "seconds",
               "How long a connection is kept without a request.", "--idle-timeout-s", 1),
    SettingRow("wal_segment_bytes", "STEPSIGHT_WAL_SEGMENT_BYTES", "whole", 24 * _MIB, "bytes",
               "Size at which a segment of the write-ahead log is cut.", "--wal-segment-bytes", 1),
    SettingRow("wal_segment_records", "STEPSIGHT_WAL_SEGMENT_RECORDS", "whole", 1_000_000,
               "records", "Number of records at which a segment is cut.",
               "--wal-segment-records", 1),
    SettingRow("wal_segment_age_ms", "STEPSIGHT_WAL_SEGMENT_AGE_MS", "whole", 150, "milliseconds",
               "Shortest time between two cuts of a segment; up to four times as much in a steady "
               "stream, ten times while the store is busy.", "--wal-segment-age-ms"),
    SettingRow("wal_quota_bytes", "STEPSIGHT_WAL_QUOTA_BYTES", "whole", 4096 * _MIB, "bytes",
               "How much the write-ahead log may hold before requests are refused.",
               "--wal-quota-bytes", 1),
    SettingRow("disk_low_bytes", "STEPSIGHT_DISK_LOW_BYTES", "whole", 1024 * _MIB, "bytes",
               "Free room below which DEBUG log records are shed.", "--disk-low-bytes"),
    SettingRow("disk_full_bytes", "STEPSIGHT_DISK_FULL_BYTES", "whole", 256 * _MIB, "bytes",
               "Free room below which requests are refused.", "--disk-full-bytes"),
    SettingRow("resend_window_s", "STEPSIGHT_RESEND_WINDOW_S", "whole", 600, "seconds",
               "How long a request is known, so that sending it again adds nothing; 0 is off.",
               "--resend-window-s"),
    SettingRow("resend_window_requests", "STEPSIGHT_RESEND_WINDOW_REQUESTS", "whole", 200_000,
               "requests", "How many requests are known at most; each takes about 90 bytes.",
               "--resend-window-requests", 1),
    SettingRow("query_timeout_s", "STEPSIGHT_QUERY_TIMEOUT_S", "whole", 180, "seconds",
               "How long a KQL query may take when its client does not say.",
               "--query-timeout-s", 1),
    SettingRow("query_max_timeout_s", "STEPSIGHT_QUERY_MAX_TIMEOUT_S", "whole", 600, "seconds",
               "How long a KQL query may take at most, whatever its client says.",
               "--query-max-timeout-s", 1),
    SettingRow("query_max_memory_bytes", "STEPSIGHT_QUERY_MAX_MEMORY_BYTES", "whole", 500 * _MIB,
               "bytes", "Memory that a KQL query may take in the engine.",
               "--query-max-memory-bytes", _MIB),
    SettingRow("query_max_rows", "STEPSIGHT_QUERY_MAX_ROWS", "whole", 500_000, "rows",
               "Largest number of rows in an answer; what is over it is cut, and that is said.",
               "--query-max-rows", 1),
    SettingRow("query_max_answer_bytes", "STEPSIGHT_QUERY_MAX_ANSWER_BYTES", "whole", 64_000_000,
               "bytes", "The same, in bytes of the answer.", "--query-max-answer-bytes", 1),
    SettingRow("queries_at_once", "STEPSIGHT_QUERIES_AT_ONCE", "whole", 3, "queries",
               "How many KQL queries run at once; the others wait, each token's in a line of its "
               "own.", "--queries-at-once", 1),
    SettingRow("queries_of_one_token", "STEPSIGHT_QUERIES_OF_ONE_TOKEN", "whole", 2, "queries",
               "How many of them may be one token's.", "--queries-of-one-token", 1),
    SettingRow("queries_waiting", "STEPSIGHT_QUERIES_WAITING", "whole", 20, "queries",
               "How many of a token's queries may wait; one more is answered 429.",
               "--queries-waiting"),
    SettingRow("query_wait_s", "STEPSIGHT_QUERY_WAIT_S", "whole", 60, "seconds",
               "How long a query waits for its turn before it is answered 429.",
               "--query-wait-s"),
    SettingRow("self_metrics_interval_s", "STEPSIGHT_SELF_METRICS_INTERVAL_S", "whole", 60,
               "seconds", "How often the collector stores its own metrics, as project "
               '"stepsight"; 0 is never.', "--self-metrics-interval-s"),
    SettingRow("drain_timeout_s", "STEPSIGHT_DRAIN_TIMEOUT_S", "whole", 20, "seconds",
               "How long a stop waits for the store to take what is in the log.",
               "--drain-timeout-s"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, resolved and checked. `grpc_port` None means no gRPC."""

    data_dir: Path
    store: str
    host: str = "127.0.0.1"
    grpc_port: int | None = 4317
    http_port: int = 4318
    ui_port: int = 8050
    store_fsync: bool = False
    no_native_library: bool = False
    ready_file: Path | None = None
    insecure: bool = False
    tokens_file: Path | None = None
    write_token: str = field(default="", repr=False)
    read_token: str = field(default="", repr=False)
    accept_unknown_keys: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    path_prefix: str = ""
    cors_origins: str = ""
    max_body_bytes: int = 64 * _MIB
    max_grpc_message_bytes: int = 16 * _MIB
    max_json_bytes: int = 4 * _MIB
    max_in_flight_bytes: int = 256 * _MIB
    max_request_records: int = 1_000_000
    max_record_bytes: int = 4 * _MIB
    max_record_attributes: int = 262_144
    project_bytes_per_s: int = 0
    project_records_per_s: int = 0
    max_connections: int = 1024
    header_timeout_s: int = 10
    body_timeout_s: int = 10
    min_body_bytes_per_s: int = 4096
    idle_timeout_s: int = 75
    wal_segment_bytes: int = 24 * _MIB
    wal_segment_records: int = 1_000_000
    wal_segment_age_ms: int = 150
    wal_quota_bytes: int = 4096 * _MIB
    disk_low_bytes: int = 1024 * _MIB
    disk_full_bytes: int = 256 * _MIB
    resend_window_s: int = 600
    resend_window_requests: int = 200_000
    query_timeout_s: int = 180
    query_max_timeout_s: int = 600
    query_max_memory_bytes: int = 500 * _MIB
    query_max_rows: int = 500_000
    query_max_answer_bytes: int = 64_000_000
    queries_at_once: int = 3
    queries_of_one_token: int = 2
    queries_waiting: int = 20
    query_wait_s: int = 60
    self_metrics_interval_s: int = 60
    drain_timeout_s: int = 20


def load_settings(
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path = Path("stepsight.toml"),
) -> Settings:
    """Resolve all settings.

    `overrides` are arguments by name; None counts as not given. Raises `ConfigError` with every
    problem found, not only the first.
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    problems: list[str] = []
    from_file = _read_file(file, problems)
    values: dict[str, Any] = {}
    for row in ROWS:
        source, raw = _lookup(row, given, environ, from_file, file)
        try:
            values[row.name] = None if raw is None else _parse(row, raw)
        except ValueError as exc:
            hint = f"Leave it out to use {row.default}." if row.default is not None else ""
            problems.append(f"{source} must be {exc}, got {raw!r:.80}. {hint}".rstrip())
            values[row.name] = row.default
    problems += _conflicts(values)
    if problems:
        raise ConfigError(problems)
    values["data_dir"] = (values["data_dir"] or _user_data_dir(environ)).expanduser().absolute()
    values["store"] = values["store"] or f"chdb://{values['data_dir'] / 'store'}"
    return Settings(**values)


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _conflicts(values: Mapping[str, Any]) -> list[str]:
    """Say which settings do not go together."""
    problems = []
    has_tokens = values["tokens_file"] or values["write_token"] or values["read_token"]
    if not (values["insecure"] or has_tokens or is_loopback(str(values["host"]))):
        problems.append(
            f"--host {values['host']} would let every machine that reaches this one read and write "
            "telemetry. Set up tokens (--tokens-file, or STEPSIGHT_WRITE_TOKEN and "
            "STEPSIGHT_READ_TOKEN), listen on 127.0.0.1, or add --insecure if the network is "
            "trusted."
        )
    if (values["tls_cert"] is None) != (values["tls_key"] is None):
        problems.append("TLS needs both --tls-cert and --tls-key: give the one that is missing.")
    prefix = values["path_prefix"]
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        problems.append(f'--path-prefix must begin with "/" and not end with it, got {prefix!r}.')
    most = values["max_in_flight_bytes"] * 3 // 4
    for name in ("max_body_bytes", "max_grpc_message_bytes"):
        if values[name] > most:
            flag = next(row.flag for row in ROWS if row.name == name)
            problems.append(
                f"{flag} is {values[name]}, more than one request may take of "
                f"--max-in-flight-bytes (three quarters, {most}). Lower it, or raise the other."
            )
    return problems


def _lookup(
    row: SettingRow,
    given: Mapping[str, object],
    environ: Mapping[str, str],
    from_file: Mapping[str, object],
    file: Path,
) -> tuple[str, object]:
    """Find a setting's raw value and the name of its source for messages."""
    if row.name in given:
        return row.flag, given[row.name]
    if environ.get(row.env):
        return row.env, environ[row.env]
    if row.name in from_file:
        return f"{row.name} in {file}", from_file[row.name]
    return row.flag, row.default


def _parse(row: SettingRow, raw: object) -> object:
    """Turn a raw value into the setting's type. `ValueError` says what it must be."""
    text = str(raw).strip()
    if row.kind == "switch":
        if text.lower() not in _TRUE | _FALSE:
            raise ValueError("true or false")
        return text.lower() in _TRUE
    if row.kind == "path":
        return Path(text)
    if row.kind in {"text", "secret"}:
        return text
    if row.kind == "optional_port" and text.lower() == _OFF:
        return None
    limit = f"a whole number of at least {row.minimum}"
    is_port = row.kind != "whole"
    if is_port:
        limit = f"a port from 0 to {_MAX_PORT}" + (
            ' or "off"' if row.kind == "optional_port" else ""
        )
    if not text.isdecimal() or int(text) < row.minimum or (is_port and int(text) > _MAX_PORT):
        raise ValueError(limit)
    return int(text)


def _read_file(file: Path, problems: list[str]) -> dict[str, object]:
    """Read the table `[collector]`; a missing file is an empty one."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        problems.append(f"{file} cannot be read: {exc}.")
        return {}
    table = document.get("collector", {})
    if not isinstance(table, dict):
        problems.append(f"{file}: collector must be a table, write [collector].")
        return {}
    known = [row.name for row in ROWS]
    for name in table.keys() - set(known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f'Did you mean "{close[0]}"?' if close else "Known are: " + ", ".join(known) + "."
        problems.append(f'{file}: unknown setting "{name}" in [collector]. {hint}')
    return table


def _user_data_dir(environ: Mapping[str, str]) -> Path:
    """Return the user's data directory. Source: XDG Base Directory Specification."""
    base = environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path("~/.local/share")) / "stepsight"
