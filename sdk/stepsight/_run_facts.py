"""What is said about a run, in the words of azureml.core."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from stepsight.errors import NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight._run import Run

__all__ = ["Experiment", "details_of", "dimensions_of", "has_pairs", "missing"]

# Of azureml.core's Run: what only Azure ML can do.
NOT_OFFERED = frozenset(
    {
        *("submit_child", "register_model", "download_file", "download_files", "get_all_logs"),
        *("get_details_with_logs", "get_environment", "get_secret", "get_secrets"),
        *("get_snapshot_id", "take_snapshot", "restore_snapshot", "input_datasets"),
        *("output_datasets", "clean", "list", "list_by_compute", "get"),
    }
)


class Experiment:
    """A named group of runs."""

    def __init__(self, name: str, workspace: Any = None) -> None:
        self.name = name
        self.workspace = workspace


def details_of(run: Run, begun: int, ended: int, error: str) -> dict[str, Any]:
    """Id, status, times and properties under the keys of azureml.core.

    `begun` and `ended` are Unix nanoseconds; `ended` is 0 while the run goes on.
    """
    return {
        "runId": run.id,
        "target": "stepsight",
        "status": run.status,
        "startTimeUtc": _iso(begun),
        **({"endTimeUtc": _iso(ended)} if ended else {}),
        "properties": run.properties,
        "inputDatasets": [],
        "outputDatasets": [],
        "runDefinition": {},
        "logFiles": {},
        "submittedBy": None,
        **({"error": {"message": error}} if error else {}),
    }


def missing(name: str) -> AttributeError:
    """The error for an attribute that a run does not have."""
    if name in NOT_OFFERED:
        return NotOfferedError(f"run.{name} needs Azure ML: install azureml-core and use its Run")
    return AttributeError(f"'Run' object has no attribute '{name}'")


def dimensions_of(name: str, *, of_pipeline: bool) -> dict[str, str]:
    """What tells the records of a child, or of the pipeline run, from those of the step."""
    if of_pipeline:
        return {"stepsight.run.scope": "pipeline run"}
    return {"child_run": name} if name else {}


def has_pairs(held: Mapping[str, Any], wanted: str | Mapping[str, Any] | None) -> bool:
    """Whether tags or properties hold a key, or every pair of a mapping; always for None."""
    if wanted is None or isinstance(wanted, str):
        return wanted is None or wanted in held
    return all(held.get(key) == (None if v is None else str(v)) for key, v in wanted.items())


def _iso(time_unix_nano: int) -> str:
    moment = datetime.fromtimestamp(time_unix_nano / 1e9, tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
