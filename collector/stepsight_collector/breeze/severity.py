"""Severity levels of Application Insights as OTLP's numbers and Python's level names."""

from __future__ import annotations

from typing import Any

__all__ = ["severity_of"]

# By level: 0 Verbose, 1 Information, 2 Warning, 3 Error, 4 Critical. Numbers as the Azure Monitor
# exporter of OpenTelemetry maps them the other way.
_NUMBERS = (5, 9, 13, 17, 21)
_TEXTS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_BY_NUMBER = tuple(zip(_NUMBERS, _TEXTS, strict=True))
_LEVELS = {"verbose": 0, "information": 1, "warning": 2, "error": 3, "critical": 4} | {
    str(level): level for level in range(5)
}


def severity_of(level: Any) -> tuple[int, str] | None:
    """Map a level, as a number or a name, to number and text; None for what is no level.

    >>> severity_of(3), severity_of("Warning"), severity_of("loud")
    ((17, 'ERROR'), (13, 'WARNING'), None)
    """
    if isinstance(level, str):
        level = _LEVELS.get(level.strip().lower())
    if isinstance(level, bool) or not isinstance(level, int | float) or level not in range(5):
        return None
    return _BY_NUMBER[int(level)]
