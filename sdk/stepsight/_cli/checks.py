"""What `stepsight doctor` looks at, one function for each section; facts and findings as rows."""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stepsight._cli.text import count, duration, mask_password, size
from stepsight._explain import explain_identity
from stepsight._settings import explain_settings, load_settings
from stepsight.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Check",
    "State",
    "check_identity",
    "check_settings",
    "check_spool",
    "check_versions",
    "usable_settings",
]

State = Literal["ok", "info", "warning", "problem", "unreachable"]

PACKAGES = ("stepsight", "opentelemetry-sdk", "click", "rich")
COLLECTOR_PACKAGES = ("chdb", "clickhouse-connect", "grpcio", "uvicorn")
# Longer than a collector's restart: what waits longer is not on its way.
OLD_SPOOL_S = 300


@dataclass(frozen=True)
class Check:
    """One fact, or a finding with advice. `source` says where the value comes from."""

    section: str
    name: str
    state: State
    value: str
    source: str = ""
    advice: str = ""


def usable_settings() -> tuple[Any, list[str]]:
    """The settings and what is wrong with them; unusable ones are replaced by their defaults."""
    try:
        return load_settings(), []
    except ConfigError as exc:
        problems = str(exc).splitlines()
    bad = {label for _, label, _ in explain_settings() if label and _is_named(label, problems)}
    environ = {label: raw for _, label, raw in explain_settings() if label and label not in bad}
    return load_settings(environ=environ), problems


def _is_named(variable: str, problems: list[str]) -> bool:
    return any(problem.startswith(f"{variable} ") for problem in problems)


def check_settings(problems: list[str]) -> list[Check]:
    """Every setting with where it comes from; secrets are masked."""
    checks = []
    for row, label, raw in explain_settings():
        wrong = [text for text in problems if label and text.startswith(f"{label} ")]
        state: State = "problem" if wrong else "ok" if label else "info"
        source = label or "default"
        checks.append(Check("settings", row.name, state, _shown(row.name, raw), source, *wrong))
        if row.name == "disabled" and str(raw).lower() in {"1", "true", "yes", "on"}:
            checks[-1] = Check(
                "settings",
                "disabled",
                "warning",
                "yes",
                source,
                f"Steps record nothing: unset {source}.",
            )
    return checks


def _shown(name: str, raw: object) -> str:
    if name == "token":
        return "(set, not shown)" if raw else "(none)"
    return mask_password(str(raw))


def check_identity(environ: Mapping[str, str] | None = None) -> list[Check]:
    """As whom a step would send that was started from here."""
    return [
        Check("identity", part, "ok" if source else "info", value, source or "made up")
        for part, value, source in explain_identity(environ)
    ]


def check_spool(directory: str, max_bytes: int, now: float | None = None) -> list[Check]:
    """What waits on disk to be delivered. Format: docs/reference/spool-format.md."""
    folder = Path(directory)
    try:
        files = [(path, path.stat()) for path in folder.iterdir() if ".otlp" in path.name]
    except FileNotFoundError:
        return [Check("spool", "waiting", "ok", "nothing", str(folder))]
    except OSError as exc:
        advice = "Make it readable and writable, or set STEPSIGHT_SPOOL to another directory."
        return [Check("spool", "waiting", "problem", str(exc.strerror), str(folder), advice)]
    if not files:
        return [Check("spool", "waiting", "ok", "nothing", str(folder))]
    used = sum(stat.st_size for _, stat in files)
    age_s = max((now or time.time()) - min(stat.st_mtime for _, stat in files), 0)
    value = f"{count(len(files), 'file')}, {size(used)}, the oldest {duration(age_s)} old"
    is_old = age_s > OLD_SPOOL_S
    advice = "The next step that reaches the collector delivers it." if is_old else ""
    checks = [Check("spool", "waiting", "warning" if is_old else "ok", value, str(folder), advice)]
    if used > max_bytes * 0.8:
        advice = "When it is full, records are dropped: start a collector, or raise the limit."
        checks.append(
            Check("spool", "space", "problem", f"{used / max_bytes:.0%} used", str(folder), advice)
        )
    return checks


def check_versions() -> list[Check]:
    """What is installed; a missing package of the collector is no problem of a step."""
    checks = [Check("versions", "python", "ok", platform.python_version(), sys.executable)]
    for name in (*PACKAGES, *COLLECTOR_PACKAGES):
        found = _version(name)
        missing = "not installed; only stepsight up needs it"
        checks.append(Check("versions", name, "ok" if found else "info", found or missing))
    return checks


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
