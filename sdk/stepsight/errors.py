"""What can go wrong in the SDK, as user code may see it.

StepsightError
├── ConfigError           a setting cannot be used; only init() raises it
├── MissingExtraError     an optional package is not installed (also an ImportError)
├── RunEnvironmentError   Run.get_context(allow_offline=False) outside of any run
├── RunFailedError        run.wait_for_completion() of a run that failed
└── NotOfferedError       a part of azureml.core's Run that needs Azure ML (also an AttributeError)
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "MissingExtraError",
    "NotOfferedError",
    "RunEnvironmentError",
    "RunFailedError",
    "StepsightError",
]


class StepsightError(Exception):
    """Base of every error that the SDK raises on purpose."""


class ConfigError(StepsightError):
    """One or more settings cannot be used; the message has one line for each."""


class MissingExtraError(StepsightError, ImportError):
    """A part was asked for whose optional package is not installed."""


class RunEnvironmentError(StepsightError):
    """The environment says of no run, and the script said that it must."""


class RunFailedError(StepsightError):
    """A run that was waited for has failed; the message is its reason."""


class NotOfferedError(StepsightError, AttributeError):
    """Asked of a run: something that only Azure ML itself can do."""
