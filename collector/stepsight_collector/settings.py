"""The collector's settings: one table, and the only place that reads the environment.

Precedence: argument, environment, `stepsight.toml` (its table `[collector]`), default. `--help`,
docs and the chart's schema are made from `ROWS`.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tomllib

from stepsight_collector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ROWS", "SettingRow", "Settings", "is_loopback", "load_settings"]

Kind = Literal["text", "path", "port", "optional_port", "whole", "switch"]

_MIB = 1024 * 1024
_MAX_PORT = 65_535
_TRUE, _FALSE = frozenset(("1", "true", "yes", "on")), frozenset(("0", "false", "no", "off", ""))
_OFF = "off"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting. `default` None means that it is derived; `minimum` is inclusive."""

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
    SettingRow("ready_file", "STEPSIGHT_READY_FILE", "path", None, "",
               "File that gets the addresses as JSON once the collector serves.", "--ready-file"),
    SettingRow("insecure", "STEPSIGHT_INSECURE", "switch", False, "",
               "Listen beyond this machine without any access control.", "--insecure"),
    SettingRow("max_body_bytes", "STEPSIGHT_MAX_BODY_BYTES", "whole", 64 * _MIB, "bytes",
               "Largest request, before and after decompression.", "--max-body-bytes", 1),
    SettingRow("wal_segment_bytes", "STEPSIGHT_WAL_SEGMENT_BYTES", "whole", 32 * _MIB, "bytes",
               "Size at which a segment of the write-ahead log is cut.", "--wal-segment-bytes", 1),
    SettingRow("wal_segment_records", "STEPSIGHT_WAL_SEGMENT_RECORDS", "whole", 1_000_000,
               "records", "Number of records at which a segment is cut.",
               "--wal-segment-records", 1),
    SettingRow("wal_segment_age_ms", "STEPSIGHT_WAL_SEGMENT_AGE_MS", "whole", 150, "milliseconds",
               "Age at which a segment is cut while the store keeps up.", "--wal-segment-age-ms"),
    SettingRow("wal_quota_bytes", "STEPSIGHT_WAL_QUOTA_BYTES", "whole", 4096 * _MIB, "bytes",
               "How much the write-ahead log may hold before requests are refused.",
               "--wal-quota-bytes", 1),
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
    ready_file: Path | None = None
    insecure: bool = False
    max_body_bytes: int = 64 * _MIB
    wal_segment_bytes: int = 32 * _MIB
    wal_segment_records: int = 1_000_000
    wal_segment_age_ms: int = 150
    wal_quota_bytes: int = 4096 * _MIB
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
    if not values["insecure"] and not is_loopback(str(values["host"])):
        problems.append(_open_host(values["host"]))
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


def _open_host(host: str) -> str:
    return (
        f"--host {host} would let every machine that reaches this one read and write telemetry: "
        "this version has no tokens yet. Listen on 127.0.0.1 behind a proxy that checks who asks, "
        "or add --insecure if the network is trusted."
    )


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
    if row.kind == "text":
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
