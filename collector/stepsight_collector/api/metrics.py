"""A run's metric rows, point by point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepsight_collector.api.runs import resolve_run

if TYPE_CHECKING:
    from stepsight_collector.store import Store

__all__ = ["run_metrics"]

MAX_POINTS = 100_000


def run_metrics(store: Store, project: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Every point of `run.log`, by step, name, column and time; at most `MAX_POINTS`."""
    run = resolve_run(store, project, parameters["run"])
    answer = store.query(
        "SELECT StepName AS step_name, StepId AS step_id, Name AS name, ColumnName AS column, "
        "Kind AS kind, SeriesIndex AS index, Timestamp AS timestamp, "
        "if(Text != '', NULL, Value) AS value, nullIf(Text, '') AS text FROM run_metrics "
        "WHERE ProjectId = {project:String} AND RunId = {run:String} "
        "AND ({name:String} = '' OR name = {name:String}) "
        "AND ({step:String} = '' OR step_name = {step:String} OR step_id = {step:String}) "
        f"ORDER BY step_id, name, column, timestamp, index LIMIT {MAX_POINTS}",
        {
            "project": project,
            "run": run["run_id"],
            "name": parameters.get("name", ""),
            "step": parameters.get("step", ""),
        },
    )
    return {"rows": answer.dicts(), "run": run}
