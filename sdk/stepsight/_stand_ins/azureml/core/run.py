"""Stands for azureml.core.run: Run is stepsight's."""

from __future__ import annotations

from stepsight import Run

__all__ = ["Run"]
STEPSIGHT_STAND_IN = True
