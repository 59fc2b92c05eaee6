"""The exceptions that a step script may catch."""

from __future__ import annotations

from stepsight.errors import ConfigError as UserErrorException
from stepsight.errors import RunEnvironmentError as RunEnvironmentException
from stepsight.errors import RunFailedError as ActivityFailedException
from stepsight.errors import StepsightError as AzureMLException

__all__ = [
    "ActivityFailedException",
    "AzureMLException",
    "RunEnvironmentException",
    "UserErrorException",
]
