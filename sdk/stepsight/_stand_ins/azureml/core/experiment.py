"""Stands for azureml.core.experiment."""

from __future__ import annotations

from typing import Any

from stepsight import Run
from stepsight.errors import NotOfferedError

__all__ = ["Experiment"]


class Experiment:
    """An experiment by name; its runs are the run of this process."""

    def __init__(self, workspace: Any = None, name: str = "", **_: Any) -> None:
        self.workspace = workspace
        self.name = name

    def start_logging(self, *_: Any, **__: Any) -> Run:
        """The run of this process."""
        return Run.get_context()

    def __getattr__(self, name: str) -> Any:
        raise NotOfferedError(f"experiment.{name} needs Azure ML: install azureml-core")
