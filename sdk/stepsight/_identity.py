"""Which run and step this process belongs to, from arguments and the environment."""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Identity",
    "detect_identity",
    "explain_identity",
    "new_run_id",
    "outside_environment",
    "without_step",
]

# Environment variables for each part, first one wins. Source: azureml-core sets AZUREML_*; the
# lower-case names are those of Microsoft's how-to on pipeline logs in Application Insights.
_RUN = ("STEPSIGHT_PIPELINE_RUN", "AZUREML_ROOT_RUN_ID")
_STEP = ("STEPSIGHT_STEP_RUN_ID", "AZUREML_RUN_ID")
_STEP_NAME = ("STEPSIGHT_STEP", "AZUREML_STEP_NAME")
_EXPERIMENT = ("STEPSIGHT_EXPERIMENT", "AZUREML_EXPERIMENT_NAME", "AZUREML_ARM_PROJECT_NAME")
_OTHERS = {
    "run_url": ("STEPSIGHT_RUN_URL", "run_url"),
    "run_type": ("STEPSIGHT_RUN_TYPE", "run_type", "RUN_TYPE"),
    "build_url": ("STEPSIGHT_BUILD_URL", "build_url", "BUILD_URL"),
    "build_version": ("STEPSIGHT_BUILD_VERSION", "build_version", "BUILD_VERSION"),
}
_OF_THIS_STEP = (
    "STEPSIGHT_STEP_RUN_ID",
    "STEPSIGHT_STEP",
    "STEPSIGHT_MAIN",
    "STEPSIGHT_SUPERVISED",
    "STEPSIGHT_SUPERVISOR_PIPE",
)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\Z")


@dataclass(frozen=True)
class Identity:
    """A process's place: pipeline run, step run, and its span in the operation.

    `trace_id` (16 bytes) and `span_id` (8 bytes) are those of the step's own span;
    `parent_span_id` is empty for the root of an operation. `dimensions` go on every record. The
    span of a worker process, or of a step under a supervisor, is sent by somebody else.
    """

    parent_run_id: str
    step_id: str
    step_name: str
    experiment_name: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes = b""
    dimensions: dict[str, str] = field(default_factory=dict)
    is_worker: bool = False
    is_supervised: bool = False

    @property
    def traceparent(self) -> str:
        """W3C trace context that makes a child process part of this span."""
        return f"00-{self.trace_id.hex()}-{self.span_id.hex()}-01"

    def environment(self) -> dict[str, str]:
        """Variables that make a child process belong to this step run."""
        return {
            "STEPSIGHT_PIPELINE_RUN": self.parent_run_id,
            "STEPSIGHT_STEP_RUN_ID": self.step_id,
            "STEPSIGHT_STEP": self.step_name,
            "STEPSIGHT_EXPERIMENT": self.experiment_name,
            "STEPSIGHT_DIMENSIONS": ",".join(
                f"{key}={_escape(value)}" for key, value in self.dimensions.items()
            ),
            "TRACEPARENT": self.traceparent,
        }


def new_run_id(name: str) -> str:
    """A readable id that sorts by time: `train-20261124-141530-9f3a`."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
    return f"{slug}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def detect_identity(
    *,
    parent_run_id: str | None = None,
    step_id: str | None = None,
    step_name: str | None = None,
    default_name: str = "",
    experiment_name: str | None = None,
    dimensions: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Identity:
    """Find the identity; what nobody tells is made up from `default_name` or the script's name."""
    environ = os.environ if environ is None else environ
    name = step_name or _first(environ, _STEP_NAME) or default_name or _script_name()
    run = parent_run_id or _first(environ, _RUN)
    step = step_id or _first(environ, _STEP)
    if not step:
        step = f"{run}.{name}-{secrets.token_hex(2)}" if run else new_run_id(name)
    trace_id, parent_span = _trace_context(environ)
    marker, _, main_pid = environ.get("STEPSIGHT_MAIN", "").rpartition(":")
    # A supervisor does not know its command's process id beforehand, but is its parent.
    is_main = main_pid in {str(os.getpid()), f"parent-{os.getppid()}"}
    is_worker = marker == step and not is_main
    is_supervised = environ.get("STEPSIGHT_SUPERVISED") == "1"
    shares_span = bool(parent_span) and (is_worker or is_supervised)
    return Identity(
        parent_run_id=run or step,
        step_id=step,
        step_name=name,
        experiment_name=experiment_name or _first(environ, _EXPERIMENT) or "default",
        trace_id=trace_id or secrets.token_bytes(16),
        span_id=parent_span if shares_span else secrets.token_bytes(8),
        parent_span_id=b"" if shares_span else parent_span,
        dimensions={**_environment_dimensions(environ), **(dimensions or {})},
        is_worker=is_worker,
        is_supervised=is_supervised,
    )


def outside_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment as it is for somebody who starts a step of its own.

    Inside of a step or under a supervisor, the variables of that step are left out; its pipeline
    run and its operation stay.
    """
    inside = environ.get("STEPSIGHT_MAIN") or environ.get("STEPSIGHT_SUPERVISED")
    return without_step(environ) if inside else dict(environ)


def without_step(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what says which step this is."""
    return {key: value for key, value in environ.items() if key not in _OF_THIS_STEP}


def explain_identity(environ: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    """Each part of the identity with its value and the variable it comes from.

    A variable of "" means that nobody tells and the value is made up.
    """
    environ = os.environ if environ is None else environ
    identity = detect_identity(environ=environ)
    named = (
        ("parent_run_id", identity.parent_run_id, _RUN),
        ("step_id", identity.step_id, _STEP),
        ("step_name", identity.step_name, _STEP_NAME),
        ("experiment_name", identity.experiment_name, _EXPERIMENT),
    )
    parts = [(part, value, _variable(environ, names)) for part, value, names in named]
    for key, value in identity.dimensions.items():
        source = _variable(environ, _OTHERS.get(key, ())) or "STEPSIGHT_DIMENSIONS"
        parts.append((key, value, source))
    if identity.parent_span_id:
        parts.append(("operation", identity.trace_id.hex(), "TRACEPARENT"))
    return parts


def _variable(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((name for name in names if environ.get(name)), "")


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")


def _environment_dimensions(environ: Mapping[str, str]) -> dict[str, str]:
    found = {key: _first(environ, names) for key, names in _OTHERS.items()}
    pairs = (pair.partition("=") for pair in environ.get("STEPSIGHT_DIMENSIONS", "").split(","))
    given = {key.strip(): _unescape(value) for key, _, value in pairs if key.strip()}
    return {key: value for key, value in {**found, **given}.items() if value}


def _escape(value: str) -> str:
    # As in OTEL_RESOURCE_ATTRIBUTES: a comma ends a pair, so in a value it is %2C.
    return value.replace("%", "%25").replace(",", "%2C")


def _unescape(value: str) -> str:
    return value.replace("%2C", ",").replace("%25", "%")


def _trace_context(environ: Mapping[str, str]) -> tuple[bytes, bytes]:
    match = _TRACEPARENT.match(environ.get("TRACEPARENT", "").strip())
    if not match or set(match.group(1)) == {"0"}:
        return b"", b""
    return bytes.fromhex(match.group(1)), bytes.fromhex(match.group(2))


def _script_name() -> str:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    path = spec.name.rpartition(".")[2] if spec and spec.name else getattr(main, "__file__", "")
    name = Path(path or "").stem
    return name if name and name != "__main__" else "python"
