"""The SDK's settings: one table, read once by init().

Argument over environment over default. With `_identity` the only module that reads the
environment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stepsight.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "SETTINGS",
    "Setting",
    "Settings",
    "explain_settings",
    "load_settings",
    "process_variables",
    "temporary_directory",
    "wants_color",
]

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    `kind` is str, int, float or bool. Numbers are at least `minimum`; texts are one of `choices`,
    if there are any.
    """

    name: str
    variables: tuple[str, ...]
    kind: type
    default: Any
    unit: str
    doc: str
    minimum: float = 0
    choices: tuple[str, ...] = ()


SETTINGS = (
    Setting(
        "endpoint",
        ("STEPSIGHT_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        str,
        "http://127.0.0.1:4318",
        "URL",
        "Where records are sent: the OTLP/HTTP address of a collector.",
    ),
    Setting(
        "api",
        ("STEPSIGHT_API",),
        str,
        "http://127.0.0.1:8050",
        "URL",
        "Where the command line reads: the UI port of a collector.",
    ),
    Setting(
        "token", ("STEPSIGHT_TOKEN",), str, "", "", "Bearer token that the collector asks for."
    ),
    Setting(
        "compression",
        ("STEPSIGHT_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"),
        str,
        "none",
        "",
        "How requests are compressed: gzip makes them about 6 times smaller, for CPU time.",
        choices=("none", "gzip"),
    ),
    Setting(
        "queue_size",
        ("STEPSIGHT_QUEUE_SIZE",),
        int,
        131_072,
        "records",
        "Records that may wait in memory; one more is dropped and counted.",
        1,
    ),
    Setting(
        "queue_bytes",
        ("STEPSIGHT_QUEUE_BYTES",),
        int,
        64 << 20,
        "bytes",
        "Memory that waiting records may take; one more is dropped and counted.",
        1,
    ),
    Setting(
        "linger_ms",
        ("STEPSIGHT_LINGER_MS",),
        int,
        100,
        "ms",
        "How long the worker gathers records before it sends them.",
    ),
    Setting(
        "heartbeat_s",
        ("STEPSIGHT_HEARTBEAT_S",),
        float,
        5.0,
        "s",
        "Time between two heartbeats; three missed ones make a step NotResponding.",
        0.1,
    ),
    Setting(
        "exit_timeout_s",
        ("STEPSIGHT_EXIT_TIMEOUT_S",),
        float,
        5.0,
        "s",
        "The longest that the end of a step waits for delivery; the rest is spooled.",
    ),
    Setting(
        "spool",
        ("STEPSIGHT_SPOOL",),
        str,
        "~/.local/share/stepsight/spool",
        "path",
        "Directory for records that could not be sent.",
    ),
    Setting(
        "spool_max_bytes",
        ("STEPSIGHT_SPOOL_MAX_BYTES",),
        int,
        256 << 20,
        "bytes",
        "Size of the spool; beyond it records are dropped and counted.",
    ),
    Setting(
        "capture_stdio",
        ("STEPSIGHT_CAPTURE_STDIO",),
        bool,
        True,
        "",
        "Whether lines printed to stdout and stderr are recorded.",
    ),
    Setting(
        "capture_logging",
        ("STEPSIGHT_CAPTURE_LOGGING",),
        bool,
        True,
        "",
        "Whether records of Python's logging are recorded.",
    ),
    Setting(
        "bootstrap",
        ("STEPSIGHT_BOOTSTRAP",),
        bool,
        True,
        "",
        "Whether stepsight run reaches into Python steps: log records, azureml.core and mlflow.",
    ),
    Setting(
        "environment",
        ("STEPSIGHT_ENVIRONMENT",),
        bool,
        True,
        "",
        "Whether a step's environment is recorded: packages, git commit, arguments, variables.",
    ),
    Setting(
        "environment_variables",
        ("STEPSIGHT_ENVIRONMENT_VARIABLES",),
        str,
        "CUDA_*,NVIDIA_*,NCCL_*,TORCH_*,OMP_*,MKL_*,OPENBLAS_*,HF_*,XLA_*,TF_CPP_*,TF_FORCE_*,"
        "PYTHONPATH,PYTHONHASHSEED,TZ,LANG,LC_ALL,TMPDIR",
        "names",
        "Environment variables to record, with * for any rest; secrets in them are redacted.",
    ),
    Setting(
        "redact_names",
        ("STEPSIGHT_REDACT_NAMES",),
        str,
        "password,passwd,passphrase,pwd,secret,token,credential,connection_string,auth,"
        "authorization,cookie,signature,sas,dsn,api_key,access_key,account_key,private_key,"
        "storage_key,encryption_key,subscription_key,access_token,auth_token",
        "words",
        "Arguments and variables whose name has one of these words are recorded without value.",
    ),
    Setting(
        "redact_values",
        ("STEPSIGHT_REDACT_VALUES",),
        str,
        "",
        "regex",
        "What else is a secret, wherever it stands in an argument or variable; beside the known.",
    ),
    Setting(
        "instrument",
        ("STEPSIGHT_INSTRUMENT",),
        str,
        "none",
        "",
        "auto: record calls of HTTP, database and cloud libraries, as stepsight.instrument() does.",
        choices=("none", "auto"),
    ),
    Setting(
        "disabled", ("STEPSIGHT_DISABLED",), bool, False, "", "Record and send nothing at all."
    ),
    Setting(
        "supervised",
        ("STEPSIGHT_SUPERVISED",),
        bool,
        False,
        "",
        "Set by stepsight run: it captures stdout and stderr from outside.",
    ),
    Setting(
        "supervisor_pipe",
        ("STEPSIGHT_SUPERVISOR_PIPE",),
        str,
        "",
        "path",
        "Set by stepsight run: where a step says which lines it records itself.",
    ),
    Setting(
        "raise_errors",
        ("STEPSIGHT_RAISE_ERRORS",),
        bool,
        False,
        "",
        "Raise the SDK's own errors instead of counting them; for its tests.",
    ),
)


@dataclass(frozen=True)
class Settings:
    """Checked settings; the rows of SETTINGS say what each one means."""

    endpoint: str
    api: str
    token: str
    compression: str
    queue_size: int
    queue_bytes: int
    linger_ms: int
    heartbeat_s: float
    exit_timeout_s: float
    spool: str
    spool_max_bytes: int
    capture_stdio: bool
    capture_logging: bool
    bootstrap: bool
    environment: bool
    environment_variables: str
    redact_names: str
    redact_values: str
    instrument: str
    disabled: bool
    supervised: bool
    supervisor_pipe: str
    raise_errors: bool


def load_settings(
    overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Resolve every setting; raises ConfigError that names all that cannot be used."""
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    problems = [
        f'init() has no setting "{name}". Known: {", ".join(f.name for f in fields(Settings))}.'
        for name in given
        if name not in {row.name for row in SETTINGS}
    ]
    values: dict[str, Any] = {}
    for row in SETTINGS:
        label, raw = _find(row, given, environ)
        try:
            values[row.name] = row.default if label is None else _parse(row, raw)
        except ValueError as exc:
            problems.append(f'{label} must be {exc}, got "{raw}". Unset it to use "{row.default}".')
    if problems:
        raise ConfigError("\n".join(problems))
    values["spool"] = str(Path(values["spool"]).expanduser())
    return Settings(**values)


def explain_settings(
    environ: Mapping[str, str] | None = None,
) -> list[tuple[Setting, str | None, Any]]:
    """Each row of the table, the variable that sets it (None: its default), and the raw value."""
    environ = os.environ if environ is None else environ
    found = [(row, *_find(row, {}, environ)) for row in SETTINGS]
    return [(row, label, row.default if label is None else raw) for row, label, raw in found]


def process_variables() -> dict[str, str]:
    """The environment as it is now."""
    return dict(os.environ)


def temporary_directory(environ: Mapping[str, str] | None = None) -> str:
    """Where temporary files go. The `tempfile` module would say the same, for 2 MB of memory."""
    environ = os.environ if environ is None else environ
    return next((environ[name] for name in ("TMPDIR", "TEMP", "TMP") if environ.get(name)), "/tmp")  # noqa: S108 - only looked at


def wants_color(environ: Mapping[str, str] | None = None) -> bool:
    """Whether a terminal may be coloured. Source: no-color.org, and the terminal type `dumb`."""
    environ = os.environ if environ is None else environ
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _find(
    row: Setting, given: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[str | None, Any]:
    if row.name in given:
        return row.name, given[row.name]
    for variable in row.variables:
        if environ.get(variable):
            return variable, environ[variable]
    return None, None


def _parse(row: Setting, raw: Any) -> Any:
    text = str(raw).strip()
    if row.kind is bool:
        if text.lower() not in _YES | _NO:
            raise ValueError("yes or no")
        return text.lower() in _YES
    if row.kind is str:
        if row.name in {"endpoint", "api"}:
            _check_url(text)
        if row.name == "redact_values":
            _check_pattern(text)
        if row.choices and text not in row.choices:
            raise ValueError("one of " + ", ".join(row.choices))
        return text
    try:
        number = row.kind(text)
    except ValueError:
        number = None
    if number is None or not number >= row.minimum:
        what = "a whole number" if row.kind is int else "a number"
        raise ValueError(f"{what} of at least {row.minimum:g}")
    return number


def _check_url(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an http:// or https:// address")


def _check_pattern(text: str) -> None:
    import re

    try:
        re.compile(text)
    except re.error as exc:
        raise ValueError(f"a regular expression ({exc})") from exc
