"""What a step ran in: Python, system, packages, git commit, arguments, variables.

Made on the worker's thread, once for a step run. Secrets are taken out (_redact.py).
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from typing import TYPE_CHECKING, Any

from stepsight._git import git_state
from stepsight._redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepsight._identity import Identity
    from stepsight._settings import Settings

__all__ = ["environment_attributes", "installed_packages"]

MAX_PACKAGES = 3000
MAX_VARIABLES = 200
MAX_VALUE_CHARS = 2000


def environment_attributes(
    settings: Settings,
    identity: Identity,
    environ: Mapping[str, str],
    argv: Iterable[str],
    *,
    is_python: bool = True,
) -> dict[str, Any]:
    """Attributes of the event `stepsight.step.environment`; docs/reference/telemetry.md.

    Of a command in whatever language (`is_python` false) nothing is said about this Python.
    """
    redactor = Redactor.of(settings)
    origin = git_state()
    if "vcs.repository.url.full" in origin:
        origin["vcs.repository.url.full"] = redactor.text(origin["vcs.repository.url.full"])
    return {
        "process.command_args": [_cut(each) for each in redactor.arguments(argv)],
        "process.working_directory": _working_directory(),
        **_system(),
        **({"container.image.name": identity.image} if identity.image else {}),
        **origin,
        "stepsight.environment.variables": _variables(settings, redactor, environ),
        **(_python() if is_python else {}),
    }


def _python() -> dict[str, Any]:
    packages = installed_packages(sys.path)
    return {
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
        "process.runtime.description": sys.version,
        "process.executable.path": sys.executable,
        "process.parent_pid": os.getppid(),
        "stepsight.environment.packages": packages,
        "stepsight.environment.packages_hash": _hash(packages),
    }


def installed_packages(paths: Iterable[str]) -> list[str]:
    """Distributions as `name==version`, sorted; the first on the path counts.

    Read from the names of their metadata directories (PEP 376, PEP 427). importlib.metadata would
    say the same from their contents, for the e-mail parser's 7 MB and half a second.
    """
    found: dict[str, str] = {}
    for path in paths:
        for name, version in _distributions(path or "."):
            found.setdefault(name, version)
            if len(found) >= MAX_PACKAGES:
                break
    return sorted(f"{name}=={version}" for name, version in found.items())


def _distributions(path: str) -> list[tuple[str, str]]:
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries]
    except OSError:  # a zip file, or a path that does not exist
        return []
    found = []
    for name in names:
        stem, dot, kind = name.rpartition(".")
        if dot and kind in {"dist-info", "egg-info"}:
            project, dash, version = stem.partition("-")
            if dash:
                version = version.partition("-py")[0] if kind == "egg-info" else version
                found.append((re.sub(r"[-_.]+", "-", project).lower(), version))
    return found


def _system() -> dict[str, Any]:
    if not hasattr(os, "uname"):
        system = {"os.type": sys.platform, "host.arch": platform.machine()}
    else:
        told = os.uname()
        system = {
            "os.type": told.sysname.lower(),
            "os.version": told.release,
            "os.description": f"{told.sysname} {told.release} {told.version}",
            "host.arch": told.machine,
        }
    # What the process may use: a container's share of the CPUs is in every heartbeat.
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {**system, "system.cpu.logical.count": cpus}


def _variables(
    settings: Settings, redactor: Redactor, environ: Mapping[str, str]
) -> dict[str, str]:
    from fnmatch import fnmatchcase

    patterns = [name.strip() for name in settings.environment_variables.split(",") if name.strip()]
    chosen = (name for name in sorted(environ) if any(fnmatchcase(name, each) for each in patterns))
    return {
        name: _cut(redactor.named(name, environ[name]))
        for name, _ in zip(chosen, range(MAX_VARIABLES), strict=False)
    }


def _working_directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - the same, without pathlib's object
    except OSError:  # it is gone
        return ""


def _hash(packages: list[str]) -> str:
    return hashlib.sha256("\n".join(packages).encode()).hexdigest()[:16]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"
