"""For whoever drives a pipeline: a pipeline run with steps as processes of their own."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stepsight._client import Client
from stepsight._identity import Identity, detect_identity, new_run_id, without_step
from stepsight._settings import load_settings

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["PipelineRun", "pipeline_run"]


class PipelineRun:
    """A pipeline run while it is driven; a context manager. Does not capture anything itself."""

    def __init__(self, name: str, identity: Identity, settings: Any) -> None:
        self.name = name
        self.id = identity.parent_run_id
        self._status, self._reason = "Completed", ""
        self._client = Client(settings, identity, self._heartbeat)

    def env(self, step_name: str) -> dict[str, str]:
        """Environment variables for the process of a step, to be laid over os.environ.

        Every call is a new step run.
        """
        identity = self._client.identity
        return {
            **identity.environment(),
            "STEPSIGHT_STEP": step_name,
            "STEPSIGHT_STEP_RUN_ID": f"{self.id}.{step_name}-{secrets.token_hex(2)}",
            "STEPSIGHT_ENDPOINT": self._client.settings.endpoint,
            "STEPSIGHT_MAIN": "",
            # The driver's own supervisor, if it has one, is not that of its steps.
            "STEPSIGHT_SUPERVISED": "",
            "STEPSIGHT_SUPERVISOR_PIPE": "",
        }

    def fail(self, reason: str) -> None:
        """Say that the run failed, and why."""
        self._status, self._reason = "Failed", reason

    def cancel(self, reason: str = "") -> None:
        """Say that the run was canceled."""
        self._status, self._reason = "Canceled", reason

    def __enter__(self) -> Self:
        self._event("start", "started", {})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is not None and self._status == "Completed":
            canceled = issubclass(kind, KeyboardInterrupt)
            self._status = "Canceled" if canceled else "Failed"
            self._reason = f"{kind.__name__}: {value}"
        client = self._client
        client.own_span(failed=self._status == "Failed", reason=self._reason, attributes={})
        status = {"stepsight.status": self._status, "exception.message": self._reason}
        self._event("end", self._status.lower(), status)
        client.close(client.settings.exit_timeout_s)

    def _heartbeat(self) -> None:
        self._event("heartbeat", "is running", {})

    def _event(self, what: str, said: str, attributes: dict[str, Any]) -> None:
        interval = {"stepsight.heartbeat.interval_s": self._client.settings.heartbeat_s}
        names = {"stepsight.run.name": self.name}
        body = f"run {self.name} {said}"
        self._client.event(f"stepsight.run.{what}", body, {**names, **interval, **attributes})


def pipeline_run(
    name: str,
    *,
    run_id: str | None = None,
    experiment_name: str | None = None,
    dimensions: dict[str, str] | None = None,
    **settings: Any,
) -> PipelineRun:
    """A pipeline run to be driven in a with block.

    Each step is a process started with `env={**os.environ, **pipeline.env("train")}`. An exception
    in the block fails the run. Raises ConfigError when a setting cannot be used.
    """
    identity = detect_identity(
        parent_run_id=run_id or new_run_id(name),
        step_name=name,
        experiment_name=experiment_name,
        dimensions=dimensions,
        environ=without_step(os.environ),
    )
    return PipelineRun(name, replace(identity, step_id=""), load_settings(settings))
