"""The run object: identity, end and children of this step, spelled as azureml.core spells them.

What differs from azureml.core is in docs/reference/run-api.md. What a run records is in
_recorder.py.
"""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from stepsight import _state
from stepsight._client import guarded
from stepsight._recorder import Recorder
from stepsight._run_facts import Experiment, details_of, dimensions_of, has_pairs, missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Experiment", "Run"]

MAX_CHILDREN = 100


class Run(Recorder):
    """The step run of this process, a child of it, or its pipeline run."""

    def __init__(
        self,
        name: str = "",
        *,
        run_id: str = "",
        made_by: Run | None = None,
        of_pipeline: bool = False,
    ) -> None:
        super().__init__(dimensions_of(name, of_pipeline=of_pipeline))
        self._child_name = name
        self._child_id = run_id
        self._made_by = made_by
        self._of_pipeline = of_pipeline
        self._status, self._error = "Running", ""
        self._started_at, self._ended_at = time.time_ns(), 0
        self._children: list[Run] = []
        self._child_numbers = count()

    @classmethod
    def get_context(cls, allow_offline: bool = True, **_: Any) -> Run:
        """The current run, as azureml.core.Run.get_context() gives it, online and offline.

        Raises RunEnvironmentError with `allow_offline=False` where the environment says of no run.
        """
        from stepsight import run

        _state.ensure()
        if not allow_offline and _state.is_offline():
            from stepsight.errors import RunEnvironmentError

            raise RunEnvironmentError(
                "Run.get_context(allow_offline=False): the environment says of no run. Start the "
                "script by `stepsight run -- python …`, or allow offline runs."
            )
        return run

    @property
    def id(self) -> str:
        """The step run's id, the child's, or the pipeline run's."""
        if self._child_id:
            return self._child_id
        client = _state.ensure()
        if client is None:
            base = "disabled"
        elif self._of_pipeline:
            return client.identity.parent_run_id
        else:
            base = client.identity.step_id
        return f"{base}.{self._child_name}" if self._child_name else base

    @property
    def name(self) -> str:
        """The step's name, or the child's."""
        client = _state.ensure()
        return self._child_name or (client.identity.step_name if client else "disabled")

    @property
    def display_name(self) -> str:
        """The same as `name`."""
        return self.name

    @property
    def number(self) -> int:
        """Grows from run to run of an experiment: the second at which the run began."""
        return self._begun() // 1_000_000_000

    @property
    def type(self) -> str:
        """The dimension `run_type`, or "stepsight"."""
        client = _state.ensure()
        return client.identity.dimensions.get("run_type", "stepsight") if client else "stepsight"

    @property
    def experiment(self) -> Experiment:
        """The experiment of this run."""
        client = _state.ensure()
        return Experiment(client.identity.experiment_name if client else "disabled")

    @property
    def parent(self) -> Run | None:
        """The pipeline run of a step run, the run that made a child; None for a pipeline run."""
        if self._of_pipeline:
            return None
        return self._made_by or _pipeline_run

    @property
    def status(self) -> str:
        """Running, Completed, Failed or Canceled, as this process knows it."""
        return self._status

    def get_status(self) -> str:
        """The status."""
        return self._status

    def get_details(self) -> dict[str, Any]:
        """Id, status, times and properties under the keys of azureml.core."""
        return details_of(self, self._begun(), self._ended_at, self._error)

    def get_portal_url(self) -> str:
        """The run's page: the dimension `run_url` if it is known, else the collector's own."""
        client = _state.ensure()
        if client is None:
            return ""
        identity = client.identity
        own = f"{client.settings.api.rstrip('/')}/runs/{quote(identity.parent_run_id, safe='')}"
        return identity.dimensions.get("run_url", own)

    def get_metrics(
        self,
        name: str | None = None,
        recursive: bool = False,
        run_type: str | None = None,  # noqa: ARG002 - azureml.core has it
        populate: bool = False,  # noqa: ARG002 - the same
    ) -> dict[str, Any]:
        """What this process logged: a value, or a list where a name was logged repeatedly.

        With `recursive`, that of the run and its descendants by run id.
        """
        found = self._series.read()
        if name is not None:
            found = {name: found[name]} if name in found else {}
        if not recursive:
            return found
        by_run = {self.id: found}
        for child in self._children:
            by_run.update(child.get_metrics(name, recursive=True))
        return by_run

    def child_run(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: Any = None,  # noqa: ARG002 - azureml.core has it
    ) -> Run:
        """A part of this run with metrics of its own, told apart by the dimension `child_run`."""
        label = str(next(self._child_numbers)) if name is None else name
        full = f"{self._child_name}.{label}" if self._child_name else label
        child = Run(full, run_id=run_id or "", made_by=self)
        self._children.append(child)
        return child

    def create_children(
        self,
        count: int | None = None,
        tag_key: str | None = None,
        tag_values: Sequence[Any] | None = None,
    ) -> list[Run]:
        """Several children: `count` of them, or one for each value of a tag; at most 100."""
        if (count is None) == (tag_key is None) or (tag_key is None) != (tag_values is None):
            raise ValueError("create_children takes either count, or tag_key and tag_values")
        values = list(range(count)) if count is not None else list(tag_values or ())
        if len(values) > MAX_CHILDREN:
            raise ValueError(f"create_children makes at most {MAX_CHILDREN} runs at once")
        children = []
        for value in values:
            child = self.child_run()
            child.tag(tag_key or "azureml.batch_child_number", value)
            children.append(child)
        return children

    def get_children(
        self,
        recursive: bool = False,
        tags: str | Mapping[str, Any] | None = None,
        properties: str | Mapping[str, Any] | None = None,
        type: str | None = None,  # noqa: A002 - the name that azureml.core has
        status: str | None = None,
    ) -> list[Run]:
        """Children that this process made, newest first."""
        found = []
        for child in reversed(self._children):
            below = child.get_children(recursive=True) if recursive else []
            found += [child, *below]
        return [
            child
            for child in found
            if has_pairs(child.tags, tags)
            and has_pairs(child.properties, properties)
            and status in {None, child.status}
            and type in {None, child.type}
        ]

    def start(self) -> None:
        """Nothing: a run has begun when there is one."""

    @guarded
    def complete(self, _set_status: bool = True) -> None:
        """Say that the run is done and well, whatever comes later."""
        self._say("Completed")

    @guarded
    def fail(self, error_details: object = None, error_code: object = None, **_: Any) -> None:
        """Say that the run failed, though the process may end with exit code 0."""
        details = "" if error_details is None else str(error_details)
        if isinstance(error_details, BaseException):
            details = f"{type(error_details).__name__}: {error_details}"
        self._say("Failed", f"{error_code}: {details}" if error_code else details)

    @guarded
    def cancel(self) -> None:
        """Say that the run was canceled."""
        self._say("Canceled")

    def wait_for_completion(
        self,
        show_output: bool = False,  # noqa: ARG002 - the output is on the console already
        wait_post_processing: bool = False,  # noqa: ARG002 - there is none
        raise_on_error: bool = True,
    ) -> dict[str, Any]:
        """Send what was recorded and give the details; does not wait, the run is this process.

        Raises RunFailedError if the run was said to have failed, unless told not to.
        """
        self.flush()
        if self._status == "Failed" and raise_on_error:
            from stepsight.errors import RunFailedError

            raise RunFailedError(self._error or f"run {self.id} failed")
        return self.get_details()

    @guarded
    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Send what was recorded so far; False if that took longer."""
        return _state.flush(timeout_seconds)

    def __enter__(self) -> Self:
        _state.ensure()
        return self

    def __exit__(
        self,
        kind: object,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.fail(value)
        elif self._child_name and self._status == "Running":
            self.complete()

    def __getattr__(self, name: str) -> Any:
        raise missing(name)

    def _begun(self) -> int:
        client = _state.ensure()
        return self._started_at if client is None or self._child_name else client.started_at

    def _say(self, status: str, reason: str = "") -> None:
        client = _state.ensure()
        self._status, self._error, self._ended_at = status, reason, time.time_ns()
        if client is None:
            return
        if not self._dimensions:
            if _state.lifecycle is not None:
                _state.lifecycle.outcome(status, reason)
            return
        said = {"stepsight.status": status, **({"exception.message": reason} if reason else {})}
        body = f"{self._child_name or 'pipeline run'} {status.lower()}"
        client.event("stepsight.run.child", body, {**said, **self._dimensions})


_pipeline_run = Run(of_pipeline=True)
