"""Stands for azureml.core: Run, Experiment and Workspace, as much as a step script needs."""

from __future__ import annotations

from typing import Any

from stepsight.errors import MissingExtraError

from .experiment import Experiment
from .run import Run
from .workspace import Workspace

__all__ = ["Experiment", "Run", "Workspace"]
STEPSIGHT_STAND_IN = True
VERSION = "0.0.0+stepsight"


def __getattr__(name: str) -> Any:
    # An AttributeError would become "cannot import name", which says nothing about the reason.
    if name[:1].isupper():
        raise MissingExtraError(
            f"azureml.core.{name} needs azureml-core: pip install azureml-core. Without it, "
            "stepsight run stands in for Run, Experiment and Workspace only."
        )
    raise AttributeError(f"module 'azureml.core' has no attribute '{name}'")
