"""What can go wrong in the SDK, as user code may see it.

StepsightError
├── ConfigError         a setting cannot be used; only init() raises it
└── MissingExtraError   an optional package is not installed (also an ImportError)
"""

from __future__ import annotations

__all__ = ["ConfigError", "MissingExtraError", "StepsightError"]


class StepsightError(Exception):
    """Base of every error that the SDK raises on purpose."""


class ConfigError(StepsightError):
    """One or more settings cannot be used; the message has one line for each."""


class MissingExtraError(StepsightError, ImportError):
    """A part was asked for whose optional package is not installed."""
