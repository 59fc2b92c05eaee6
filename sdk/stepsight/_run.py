"""The run object: metrics, tags and identity of this step, spelled as azureml.core spells them."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from stepsight import _state
from stepsight._client import guarded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from stepsight._client import Client

__all__ = ["Experiment", "ParentRun", "Run"]


class Experiment:
    """A named group of runs."""

    def __init__(self, name: str) -> None:
        self.name = name


class ParentRun:
    """The pipeline run that a step run belongs to."""

    def __init__(self, run_id: str, experiment: Experiment) -> None:
        self.id = run_id
        self.experiment = experiment


class Run:
    """The step run of this process, or a child of it. Methods return at once and never raise."""

    def __init__(self, name: str = "") -> None:
        self._child_name = name
        self._lock = threading.Lock()
        self._next_index: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._metrics: dict[str, Any] = {}
        self._tags: dict[str, str] = {}

    @classmethod
    def get_context(cls, **_: Any) -> Run:
        """The current run, as azureml.core.Run.get_context() gives it, online and offline."""
        from stepsight import run

        return run

    @property
    def id(self) -> str:
        """The step run's id."""
        client = _state.ensure()
        base = client.identity.step_id if client else "disabled"
        return f"{base}.{self._child_name}" if self._child_name else base

    @property
    def name(self) -> str:
        """The step's name, or the child's."""
        client = _state.ensure()
        return self._child_name or (client.identity.step_name if client else "disabled")

    @property
    def experiment(self) -> Experiment:
        """The experiment of this run."""
        client = _state.ensure()
        return Experiment(client.identity.experiment_name if client else "disabled")

    @property
    def parent(self) -> ParentRun:
        """The pipeline run."""
        client = _state.ensure()
        return ParentRun(client.identity.parent_run_id if client else "disabled", self.experiment)

    @property
    def tags(self) -> dict[str, str]:
        """Tags set in this process."""
        return dict(self._tags)

    @guarded
    def log(self, name: str, value: Any, description: str = "", *, step: int | None = None) -> None:
        """Record one value of a metric: a number, or a text.

        `step` is its position, by default one more than the last; NaN and infinities are kept.
        """
        self._record(name, value, kind="scalar", index=step, description=description)

    @guarded
    def log_list(self, name: str, value: Sequence[Any], description: str = "") -> None:
        """Record a list of values as successive points of one metric."""
        for item in value:
            self._record(name, item, kind="list", description=description)

    @guarded
    def log_row(self, name: str, description: str = "", **kwargs: Any) -> None:
        """Record a row: one value for each column given as keyword."""
        with self._lock:
            index = self._next_index[name, ""]
            self._next_index[name, ""] += 1
        for column, value in kwargs.items():
            self._record(
                name, value, kind="row", column=column, index=index, description=description
            )

    @guarded
    def log_table(self, name: str, value: Mapping[str, Any], description: str = "") -> None:
        """Record a table: a dict of columns, each a list of values or a single one."""
        for column, items in value.items():
            cells = (
                items if isinstance(items, (list, tuple)) or hasattr(items, "tolist") else [items]
            )
            for index, item in enumerate(cells):
                self._record(
                    name, item, kind="table", column=column, index=index, description=description
                )

    def get_metrics(self) -> dict[str, Any]:
        """What this process logged: a value, or a list where a name was logged repeatedly."""
        with self._lock:
            return {
                name: values[0] if len(values) == 1 else list(values)
                for name, values in self._metrics.items()
            }

    @guarded
    def tag(self, key: str, value: Any = "") -> None:
        """Set a tag of the run; the last value counts."""
        client = _state.ensure()
        self._tags[key] = str(value)
        if client is not None:
            attributes = {"stepsight.tag.key": key, "stepsight.tag.value": str(value)}
            client.event("stepsight.run.tag", f"tag {key} = {value}", attributes)

    @guarded
    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags."""
        for key, value in tags.items():
            self.tag(key, value)

    def child_run(self, name: str) -> Run:
        """A part of this step with metrics of its own, told apart by the dimension `child_run`."""
        return Run(f"{self._child_name}.{name}" if self._child_name else name)

    @guarded
    def complete(self) -> None:
        """Say that the step is done and well, whatever comes later."""
        self._say("Completed")

    @guarded
    def fail(self, error_details: object = "", error_code: object = None) -> None:
        """Say that the step failed, though the process may end with exit code 0."""
        reason = f"{error_code}: {error_details}" if error_code else str(error_details)
        self._say("Failed", reason)

    @guarded
    def cancel(self) -> None:
        """Say that the step was canceled."""
        self._say("Canceled")

    @guarded
    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Send what was recorded so far."""
        return _state.flush(timeout_seconds)

    def __enter__(self) -> Self:
        _state.ensure()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.fail(f"{kind.__name__}: {value}")

    def _say(self, status: str, reason: str = "") -> None:
        _state.ensure()
        if _state.lifecycle is not None and not self._child_name:
            _state.lifecycle.outcome(status, reason)

    def _record(
        self,
        name: str,
        value: Any,
        *,
        kind: str,
        column: str = "",
        index: int | None = None,
        description: str = "",
    ) -> None:
        client = _state.ensure()
        number, text = _as_number(value)
        with self._lock:
            if index is None:
                index = self._next_index[name, column]
            self._next_index[name, column] = index + 1
            self._metrics.setdefault(name, []).append(text if number is None else number)
        if client is not None:
            self._send(client, name, number, _point(kind, column, index, text, description))

    def _send(
        self, client: Client, name: str, number: float | None, attributes: dict[str, Any]
    ) -> None:
        if self._child_name:
            attributes["child_run"] = self._child_name
        client.metric(name, number, attributes)


def _point(kind: str, column: str, index: int, text: str, description: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {"stepsight.metric.index": index, "stepsight.metric.kind": kind}
    if column:
        attributes["stepsight.metric.column"] = column
    if text:
        attributes["stepsight.metric.text"] = text
    if description:
        attributes["stepsight.metric.description"] = description
    return attributes


def _as_number(value: Any) -> tuple[float | None, str]:
    """A float and no text, or no float and the text; takes numpy scalars and small tensors."""
    if value is None:
        return None, ""
    if isinstance(value, (bool, int, float)):
        return float(value), ""
    if isinstance(value, str):
        return None, value
    item = getattr(value, "item", None)
    try:
        return float(item() if callable(item) else value), ""
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None, str(value)
