"""What orchestrators tell through Python instead of variables, where they are imported anyway.

Each reader takes modules by name, the environment and the arguments; it may raise, which means
that nothing is told. None imports a framework, none asks a server.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Modules = Mapping[str, Any]
    Reader = Callable[[Modules, Mapping[str, str], Sequence[str]], Mapping[str, Any]]

__all__ = ["READERS"]


def _airflow(modules: Modules, *_: Any) -> Mapping[str, Any]:
    module = modules.get("airflow.sdk") or modules["airflow.operators.python"]
    instance = module.get_current_context()["ti"]
    mapped = getattr(instance, "map_index", -1)
    return {
        "dag_id": instance.dag_id,
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "try_number": instance.try_number,
        "map_index": mapped if mapped is not None and mapped >= 0 else None,
        "log_url": getattr(instance, "log_url", None),
    }


def _prefect(modules: Modules, *_: Any) -> Mapping[str, Any]:
    # prefect.runtime would ask the server for what the context lacks.
    context = modules["prefect.context"]
    flow, task = context.FlowRunContext.get(), context.TaskRunContext.get()
    told: dict[str, Any] = {}
    if flow is not None and flow.flow_run is not None:
        told = {"flow_run_id": flow.flow_run.id, "run_count": flow.flow_run.run_count}
        told["flow_name"] = getattr(flow.flow, "name", None)
    if task is not None:
        told.setdefault("flow_run_id", task.task_run.flow_run_id)
        told |= {"task_run_id": task.task_run.id, "task_name": task.task.name}
        told["run_count"] = task.task_run.run_count
    return told


def _dagster(modules: Modules, environ: Mapping[str, str], _argv: Sequence[str]) -> Any:
    if environ.get("DAGSTER_PIPES_CONTEXT"):
        return _pipes_context(environ["DAGSTER_PIPES_CONTEXT"])
    context = modules["dagster"].OpExecutionContext.get()
    return {
        "run_id": context.run_id,
        "job_name": context.job_name,
        "step_key": str(context.op_handle),
        "retry_number": context.retry_number,
    }


def _pipes_context(text: str) -> Mapping[str, Any]:
    """Dagster Pipes: JSON, packed by zlib, as base64; the data itself or the path of its file."""
    import base64
    import json
    import zlib

    params = json.loads(zlib.decompress(base64.b64decode(text)))
    if "path" in params:
        with open(params["path"], encoding="utf-8") as file:  # noqa: PTH123 - as everywhere here
            params = {"data": json.load(file)}
    data = params["data"]
    return {key: data.get(key) for key in ("run_id", "job_name", "retry_number")}


def _metaflow(modules: Modules, *_: Any) -> Mapping[str, Any]:
    current = modules["metaflow.metaflow_current"].current
    if not current.is_running_flow:
        return {}
    names = ("flow_name", "run_id", "step_name", "task_id", "retry_count")
    return {name: getattr(current, name) for name in names}


def _databricks(modules: Modules, *_: Any) -> Mapping[str, Any]:
    context = modules["dbruntime.databricks_repl_context"].get_context()
    return {name: getattr(context, name, None) for name in ("jobId", "idInJob")}


def _mlflow(modules: Modules, *_: Any) -> Mapping[str, Any]:
    info = modules["mlflow.tracking.fluent"].active_run().info
    return {"run_id": info.run_id, "experiment_id": info.experiment_id}


def _kubeflow(_modules: Modules, _environ: Any, argv: Sequence[str]) -> Mapping[str, Any]:
    return {"function": argv[list(argv).index("--function_to_execute") + 1]}


def _torchrun(*_: Any) -> Mapping[str, Any]:
    return {"agent": agent_of(os.getppid())}


def agent_of(pid: int) -> str:
    """Names a process, the same in all that it started: host, pid, and start in clock ticks."""
    import socket

    started = "0"
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            started = file.read().rpartition(")")[2].split()[19]
    except OSError:  # not Linux: pid alone
        pass
    return f"{socket.gethostname()}-{pid}-{started}"


READERS: dict[str, Reader] = {
    "airflow": _airflow,
    "prefect": _prefect,
    "dagster": _dagster,
    "metaflow": _metaflow,
    "databricks": _databricks,
    "mlflow": _mlflow,
    "kubeflow": _kubeflow,
    "torchrun": _torchrun,
}
