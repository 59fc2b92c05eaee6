"""Stands for azureml.core: Run, Experiment and Workspace, as much as a step script needs."""

from __future__ import annotations

from .experiment import Experiment
from .run import Run
from .workspace import Workspace

__all__ = ["Experiment", "Run", "Workspace"]
STEPSIGHT_STAND_IN = True
VERSION = "0.0.0+stepsight"
