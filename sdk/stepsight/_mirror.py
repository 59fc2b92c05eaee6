"""What azureml.core and mlflow are told is recorded too; their own calls are made as ever.

Patches are made by the import hook of _bootstrap/stepsight_hooks.py, after the script imported the
module, and each keeps the signature and the result of what it wraps.
"""

from __future__ import annotations

import threading
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stepsight import _azure_log, _state
from stepsight._client import guarded
from stepsight._logging import decorators
from stepsight._recorder import Recorder

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from stepsight._run import Run

__all__ = ["patch_azureml", "patch_mlflow", "patch_opencensus"]

# Methods of azureml.core's Run that ours has under the same name and with the same arguments.
# Not cancel: there it is refused for a run that is under way.
AZUREML = (
    *("log", "log_list", "log_row", "log_table", "log_image", "log_confusion_matrix"),
    *("log_accuracy_table", "log_residuals", "log_predictions", "tag", "set_tags", "remove_tags"),
    *("add_properties", "upload_file", "upload_files", "upload_folder", "complete", "fail"),
)
# mlflow's own tags say what stepsight knows better, but for these.
MLFLOW_TAGS = ("mlflow.runName", "mlflow.note.content")

_inside = threading.local()
_azureml_children: dict[str, Run] = {}
_mlflow_runs: dict[str, Recorder] = {}
_offline_ids: set[str] = set()


def patch_azureml(module: Any) -> None:
    """Mirror azureml.core.run: Run, and the run that there is outside of Azure ML."""
    if getattr(module, "STEPSIGHT_STAND_IN", False):
        return
    for owner in (module.Run, module._OfflineRun):  # noqa: SLF001 - the class has no other name
        for name in AZUREML:
            _wrap(owner, name, _azureml_mirror(name))
    _watch_offline_ids(module._OfflineRun)  # noqa: SLF001


def patch_mlflow(module: Any) -> None:
    """Mirror the client that all of mlflow's logging goes through, autologging too."""
    owner = module.TrackingServiceClient
    mirrors: dict[str, Callable[..., None]] = {
        "log_metric": _mlflow_metric,
        "log_param": _mlflow_param,
        "set_tag": _mlflow_tag,
        "log_batch": _mlflow_batch,
        "log_artifact": _mlflow_artifact,
        "log_artifacts": _mlflow_artifacts,
    }
    for name, mirror in mirrors.items():
        _wrap(owner, name, mirror)


def patch_opencensus(module: Any) -> None:
    """Have its AzureLogHandler leave to us what it would send to the same collector."""
    if getattr(module, "STEPSIGHT_STAND_IN", False):
        return
    handler = module.AzureLogHandler
    _azure_log.watch(handler)
    original = handler.emit

    @wraps(original)
    def emit(self: Any, record: logging.LogRecord) -> Any:
        if _is_recorded_by_us(self):
            return None
        return original(self, record)

    handler.emit = emit


def _is_recorded_by_us(handler: Any) -> bool:
    client = _state.ensure()
    if client is None or not client.settings.capture_logging:
        return False
    theirs, ours = urlsplit(str(handler.options.endpoint)), urlsplit(client.settings.endpoint)
    return (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)


def _wrap(owner: Any, name: str, mirror: Callable[..., None]) -> None:
    original = owner.__dict__.get(name)
    if original is None:  # another release of theirs
        return
    safely = guarded(mirror)

    @wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A method that is made of another one, as tag() of set_tags(), is recorded once.
        if getattr(_inside, "now", False):
            return original(self, *args, **kwargs)
        # What can be iterated once only would be used up by us.
        args = tuple(_as_list(value) for value in args)
        kwargs = {key: _as_list(value) for key, value in kwargs.items()}
        _inside.now = True
        try:
            safely(self, *args, **kwargs)
            return original(self, *args, **kwargs)
        finally:
            _inside.now = False

    setattr(owner, name, call)


def _azureml_mirror(name: str) -> Callable[..., None]:
    def mirror(theirs: Any, *args: Any, **kwargs: Any) -> None:
        streams = (value for value in (*args, *kwargs.values()) if hasattr(value, "read"))
        if not all(map(_can_rewind, streams)):
            return  # their upload needs what the stream has
        getattr(_ours(theirs), name)(*args, **kwargs)

    mirror.__name__ = f"azureml_{name}"
    return mirror


def _as_list(value: Any) -> Any:
    return list(value) if hasattr(value, "__next__") and not hasattr(value, "read") else value


def _can_rewind(stream: Any) -> bool:
    return hasattr(stream, "seekable") and stream.seekable()


def _ours(theirs: Any) -> Run:
    """Our run for one of azureml.core: this step's own, or a child of it."""
    from stepsight import run

    their_id = str(theirs.id)
    kind = type(theirs).__name__
    is_own = kind == "_SubmittedRun" or their_id in {run.id, *_offline_ids}
    if is_own:
        return run
    if their_id not in _azureml_children:
        name = their_id.partition(".")[2] if kind == "_OfflineRun" else their_id
        _azureml_children[their_id] = run.child_run(name or their_id)
    return _azureml_children[their_id]


def _watch_offline_ids(owner: Any) -> None:
    """Outside of Azure ML, `run.id` is made up; in a record's step_id it means our step run."""
    original = owner.__init__

    @wraps(original)
    def begin(self: Any, parent_logger: Any = None, run_id: Any = None, **kwargs: Any) -> None:
        original(self, parent_logger=parent_logger, run_id=run_id, **kwargs)
        if run_id is None:
            _offline_ids.add(str(self.id))

    owner.__init__ = begin
    if _put_own_step_id not in decorators:
        decorators.append(_put_own_step_id)


def _put_own_step_id(_record: logging.LogRecord, attributes: dict[str, Any]) -> None:
    given = attributes.get("step_id")
    if isinstance(given, str) and given in _offline_ids and _state.client is not None:
        attributes["azureml_run_id"] = given
        attributes["step_id"] = _state.client.identity.step_id


def _mlflow_run(run_id: str) -> Recorder:
    recorder = _mlflow_runs.get(run_id)
    if recorder is None:
        recorder = _mlflow_runs.setdefault(run_id, Recorder({"mlflow_run_id": run_id}))
    return recorder


def _mlflow_metric(
    _client: Any,
    run_id: str,
    key: str,
    value: Any,
    timestamp: Any = None,  # noqa: ARG001 - the moment is now
    step: int | None = None,
    **_: Any,
) -> None:
    # mlflow's own default is step 0 for all; then the position in the series says more.
    _mlflow_run(run_id).log(key, value, step=step or None)


def _mlflow_param(_client: Any, run_id: str, key: str, value: Any, **_: Any) -> None:
    _mlflow_run(run_id).log_parameter(key, value)


def _mlflow_tag(_client: Any, run_id: str, key: str, value: Any, **_: Any) -> None:
    if not key.startswith("mlflow.") or key in MLFLOW_TAGS:
        _mlflow_run(run_id).tag(key, value)


def _mlflow_batch(
    client: Any, run_id: str, metrics: Any = (), params: Any = (), tags: Any = (), **_: Any
) -> None:
    for metric in metrics or ():
        _mlflow_metric(client, run_id, metric.key, metric.value, step=metric.step)
    for param in params or ():
        _mlflow_param(client, run_id, param.key, param.value)
    for tag in tags or ():
        _mlflow_tag(client, run_id, tag.key, tag.value)


def _mlflow_artifact(
    _client: Any, run_id: str, local_path: Any, artifact_path: str | None = None
) -> None:
    from pathlib import Path

    name = "/".join(filter(None, (artifact_path, Path(local_path).name)))
    if Path(local_path).is_dir():
        _mlflow_run(run_id).upload_folder(name, local_path)
    else:
        _mlflow_run(run_id).upload_file(name, local_path)


def _mlflow_artifacts(
    _client: Any, run_id: str, local_dir: Any, artifact_path: str | None = None
) -> None:
    _mlflow_run(run_id).upload_folder(artifact_path or "", local_dir)
