"""What a run logged besides lines and numbers: images, documents, files; and their content."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepsight_collector.api.errors import ApiError, not_found
from stepsight_collector.api.runs import resolve_run

if TYPE_CHECKING:
    from stepsight_collector.store import Store

__all__ = ["Content", "artifact_content", "list_artifacts"]

MAX_ARTIFACTS = 10_000

_WHERE = (
    "ProjectId = {project:String} AND RunId = {run:String} "
    "AND Timestamp >= parseDateTime64BestEffort({started_at:String}, 9) - INTERVAL 1 DAY"
)


def _attribute(name: str) -> str:
    return f"nullIf(LogAttributes['stepsight.artifact.{name}'], '')"


_ARTIFACT = f"""
    {_attribute("name")} AS name, {_attribute("kind")} AS kind, StepName AS step_name,
    StepId AS step_id, Timestamp AS timestamp, {_attribute("media_type")} AS media_type,
    toUInt64OrNull(LogAttributes['stepsight.artifact.size']) AS size_bytes,
    {_attribute("sha256")} AS sha256, {_attribute("path")} AS path,
    {_attribute("omitted")} AS omitted, {_attribute("description")} AS description,
    {_attribute("id")} AS artifact_id
"""


@dataclass(frozen=True)
class Content:
    """An artifact's bytes, and what they are."""

    name: str
    media_type: str
    data: bytes


def list_artifacts(store: Store, project: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Every artifact of a run in order of time; those with an `artifact_id` have content here."""
    run = resolve_run(store, project, parameters["run"])
    answer = store.query(
        f"SELECT {_ARTIFACT} FROM otel_logs WHERE {_WHERE} AND EventName = "
        f"'stepsight.run.artifact' ORDER BY timestamp LIMIT {MAX_ARTIFACTS}",
        {"project": project, "run": run["run_id"], "started_at": run["started_at"]},
    )
    return {"artifacts": answer.dicts(), "run": run}


def artifact_content(store: Store, project: str, parameters: dict[str, str]) -> Content:
    """Put an artifact's parts together.

    Raises ApiError: `not_found` for an id that the run has not, `not_ready` (503) while parts of it
    are missing.
    """
    run = resolve_run(store, project, parameters["run"])
    key = {
        "project": project,
        "run": run["run_id"],
        "started_at": run["started_at"],
        "id": parameters["artifact"],
    }
    of_artifact = f"{_WHERE} AND LogAttributes['stepsight.artifact.id'] = {{id:String}}"
    found = store.query(
        f"SELECT {_ARTIFACT}, {_attribute('encoding')} AS encoding FROM otel_logs "
        f"WHERE {of_artifact} AND EventName = 'stepsight.run.artifact' LIMIT 1",
        key,
    ).dicts()
    if not found:
        raise not_found(
            f'run {run["run_id"]} has no content with the id "{parameters["artifact"]}"',
            "Of files only name, size and digest are kept; images and documents have an id.",
        )
    parts = store.query(
        "SELECT any(LogAttributes['stepsight.part.data']) FROM otel_logs "
        f"WHERE {of_artifact} AND EventName = 'stepsight.run.part' "
        "GROUP BY toUInt32(LogAttributes['stepsight.part.index']) AS number ORDER BY number",
        key,
    ).rows
    return _joined(found[0], "".join(row[0] for row in parts))


def _joined(artifact: dict[str, Any], text: str) -> Content:
    try:
        data = base64.b64decode(text) if artifact["encoding"] == "base64" else text.encode()
    except ValueError:
        data = b""  # a part is missing, which its digest tells
    if artifact["sha256"] != hashlib.sha256(data).hexdigest():
        raise ApiError(
            503,
            "not_ready",
            f'"{artifact["name"]}" is not whole yet: some of its parts have not arrived',
            "Try again in a moment.",
        )
    return Content(artifact["name"], artifact["media_type"] or "application/octet-stream", data)
