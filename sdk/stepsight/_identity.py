"""Which run and step this process belongs to, from arguments and the environment.

Explained for users in docs/reference/identity.md.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stepsight._ranks import find_rank
from stepsight._recognise import recognise
from stepsight._templates import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight._ranks import Rank
    from stepsight._recognise import Recognised

__all__ = [
    "Identity",
    "detect_identity",
    "new_run_id",
    "operation_id",
    "outside_environment",
    "shared_span_id",
    "without_step",
]

# What a user says wins over what an orchestrator says (_orchestrators.py); first one counts. The
# lower-case names are those of Microsoft's how-to on pipeline logs in Application Insights.
_RUN = ("STEPSIGHT_PIPELINE_RUN",)
_STEP = ("STEPSIGHT_STEP_RUN_ID",)
_STEP_NAME = ("STEPSIGHT_STEP",)
_EXPERIMENT = ("STEPSIGHT_EXPERIMENT",)
OTHERS = {
    "run_url": ("STEPSIGHT_RUN_URL", "run_url"),
    "run_type": ("STEPSIGHT_RUN_TYPE", "run_type", "RUN_TYPE"),
    "build_url": ("STEPSIGHT_BUILD_URL", "build_url", "BUILD_URL"),
    "build_version": ("STEPSIGHT_BUILD_VERSION", "build_version", "BUILD_VERSION"),
}
OURS = {"run": _RUN, "step": _STEP, "step_name": _STEP_NAME, "experiment": _EXPERIMENT}
# Set for a step that is started inside of another one: the orchestrator's step is the outer one.
_INNER = "STEPSIGHT_INNER_STEP"
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
    tracestate: str = ""
    orchestrator: str = ""
    attempt: str = ""
    image: str = ""
    rank: Rank | None = None
    is_shared: bool = False

    @property
    def speaks(self) -> bool:
        """Whether this process tells the step run's start and end.

        Of several ranks that share the step run, rank 0.
        """
        is_other = self.is_shared and self.rank is not None and self.rank.rank > 0
        return not self.is_worker and not is_other

    @property
    def is_first_here(self) -> bool:
        """Whether this process speaks for its machine: container, disks, GPUs."""
        return not self.is_worker and not (self.rank and self.rank.local)

    def facts(self) -> dict[str, str | int]:
        """Resource attributes that say how the process was started; absent ones are left out."""
        rank = self.rank
        found = {
            "stepsight.orchestrator": self.orchestrator,
            "stepsight.attempt": self.attempt,
            "stepsight.rank": rank and rank.rank,
            "stepsight.local_rank": rank and rank.local,
            "stepsight.world_size": rank and rank.world_size,
        }
        return {key: value for key, value in found.items() if value not in (None, "")}

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
            **({"TRACESTATE": self.tracestate} if self.tracestate else {}),
        }


def new_run_id(name: str) -> str:
    """A readable id that sorts by time: `train-20261124-141530-9f3a`."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
    return f"{slug}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def operation_id(run_id: str) -> bytes:
    """The operation of a pipeline run whose steps were given none: the same in every process.

    The first 16 bytes of the SHA-256 of the run's id, behind a label.
    """
    return hashlib.sha256(b"stepsight operation " + run_id.encode("utf-8", "replace")).digest()[:16]


def shared_span_id(step_id: str) -> bytes:
    """The step span's id where several ranks need the same one without talking to each other."""
    return hashlib.sha256(b"stepsight span " + step_id.encode("utf-8", "replace")).digest()[:8]


def detect_identity(
    *,
    parent_run_id: str | None = None,
    step_id: str | None = None,
    step_name: str | None = None,
    default_name: str = "",
    experiment_name: str | None = None,
    dimensions: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    facts: Facts | None = None,
) -> Identity:
    """Find the identity; what nobody tells is made up from `default_name` or the script's name."""
    environ = os.environ if environ is None else environ
    recognised = recognise(facts or Facts(environ))
    told = _told(environ, recognised)
    name = step_name or told.get("step_name") or default_name or _script_name()
    run = parent_run_id or told.get("run", "")
    step = step_id or told.get("step")
    rank = find_rank(environ)
    is_shared = bool(step and rank and rank.world_size > 1)
    if not step:
        step = f"{run}.{name}-{secrets.token_hex(2)}" if run else new_run_id(name)
    trace_id, parent_span, tracestate = trace_context(environ)
    marker, _, main_pid = environ.get("STEPSIGHT_MAIN", "").rpartition(":")
    # A supervisor does not know its command's process id beforehand, but is its parent.
    is_main = main_pid in {str(os.getpid()), f"parent-{os.getppid()}"}
    is_worker = marker == step and not is_main
    is_supervised = environ.get("STEPSIGHT_SUPERVISED") == "1"
    shares_span = bool(parent_span) and (is_worker or is_supervised)
    own_span = shared_span_id(step) if is_shared else secrets.token_bytes(8)
    return Identity(
        parent_run_id=run or step,
        step_id=step,
        step_name=name,
        experiment_name=experiment_name or told.get("experiment") or "default",
        trace_id=trace_id or operation_id(run or step),
        span_id=parent_span if shares_span else own_span,
        parent_span_id=b"" if shares_span else parent_span,
        dimensions={**_environment_dimensions(environ, told), **(dimensions or {})},
        is_worker=is_worker,
        is_supervised=is_supervised,
        tracestate=tracestate,
        orchestrator=recognised.names[0][0] if recognised.names else "",
        attempt=told.get("attempt", ""),
        image=environ.get("STEPSIGHT_IMAGE") or told.get("image", ""),
        rank=rank,
        is_shared=is_shared,
    )


def _told(environ: Mapping[str, str], recognised: Recognised) -> dict[str, str]:
    """What variables of ours and orchestrators say, by part; ours win."""
    told = {part: found.value for part, found in recognised.parts.items()}
    if environ.get(_INNER):
        told.pop("step", None)
        told.pop("step_name", None)
    for part, names in OURS.items():
        if value := _first(environ, names):
            told[part] = value
    return told


def outside_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment as it is for somebody who starts a step of its own.

    Inside of a step or under a supervisor, the variables of that step are left out; its pipeline
    run and its operation stay.
    """
    inside = environ.get("STEPSIGHT_MAIN") or environ.get("STEPSIGHT_SUPERVISED")
    return {**without_step(environ), _INNER: "1"} if inside else dict(environ)


def without_step(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what says which step this is."""
    return {key: value for key, value in environ.items() if key not in _OF_THIS_STEP}


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")


def _environment_dimensions(environ: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    found = {key: _first(environ, names) or told.get(key, "") for key, names in OTHERS.items()}
    pairs = (pair.partition("=") for pair in environ.get("STEPSIGHT_DIMENSIONS", "").split(","))
    given = {key.strip(): _unescape(value) for key, _, value in pairs if key.strip()}
    return {key: value for key, value in {**found, **given}.items() if value}


def _escape(value: str) -> str:
    # As in OTEL_RESOURCE_ATTRIBUTES: a comma ends a pair, so in a value it is %2C.
    return value.replace("%", "%25").replace(",", "%2C")


def _unescape(value: str) -> str:
    return value.replace("%2C", ",").replace("%25", "%")


def trace_context(environ: Mapping[str, str]) -> tuple[bytes, bytes, str]:
    """Trace id, parent span id and state of W3C Trace Context; the state is nothing by itself."""
    match = _TRACEPARENT.match(environ.get("TRACEPARENT", "").strip())
    if not match or match.group(1) == "0" * 32 or match.group(2) == "0" * 16:
        return b"", b"", ""
    state = environ.get("TRACESTATE", "").strip()
    return bytes.fromhex(match.group(1)), bytes.fromhex(match.group(2)), state


def _script_name() -> str:
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    path = spec.name.rpartition(".")[2] if spec and spec.name else getattr(main, "__file__", "")
    name = Path(path or "").stem
    return name if name and name != "__main__" else "python"
