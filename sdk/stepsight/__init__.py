"""Logs, metrics and traces of a pipeline step, on their way to a collector.

    from stepsight import logger, run

    logger.info("loaded %d rows", n, extra={"custom_dimensions": {"source": "blob"}})
    run.log("loss", 0.12)

Importing does nothing but this module; recording begins with the first use or with init().
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from stepsight import _state
from stepsight._state import flush, init, shutdown
from stepsight.errors import (
    ConfigError,
    MissingExtraError,
    NotOfferedError,
    RunEnvironmentError,
    RunFailedError,
    StepsightError,
)

if TYPE_CHECKING:
    from stepsight._azure_log import AzureEventHandler, AzureLogHandler
    from stepsight._instrument import instrument
    from stepsight._pipeline import PipelineRun, pipeline_run
    from stepsight._run import Run
    from stepsight._span import Span
    from stepsight._step import step

__all__ = [
    "AzureEventHandler",
    "AzureLogHandler",
    "ConfigError",
    "MissingExtraError",
    "NotOfferedError",
    "PipelineRun",
    "Run",
    "RunEnvironmentError",
    "RunFailedError",
    "StepsightError",
    "child_run",
    "flush",
    "init",
    "instrument",
    "logger",
    "pipeline_run",
    "run",
    "shutdown",
    "span",
    "step",
]

__version__ = "0.1.0"

_LAZY = {
    "AzureEventHandler": "_azure_log",
    "AzureLogHandler": "_azure_log",
    "PipelineRun": "_pipeline",
    "Run": "_run",
    "instrument": "_instrument",
    "pipeline_run": "_pipeline",
    "step": "_step",
}


class _StartOnFirstUse(logging.Filter):
    """Begins to record when the logger is first used."""

    def filter(self, _record: logging.LogRecord) -> bool:
        _state.ensure()
        return True


logger = logging.getLogger("stepsight")
if logger.level == logging.NOTSET:
    logger.setLevel(logging.INFO)
logger.addFilter(_StartOnFirstUse())

if TYPE_CHECKING:
    run: Run


def span(name: str, **attributes: Any) -> Span:
    """Time a part of the step: `with stepsight.span("load data"):`, also as a decorator."""
    from stepsight._span import Span

    return Span(name, attributes)


def child_run(name: str) -> Run:
    """A part of this step with metrics of its own."""
    from stepsight._run import Run

    return Run(name)


def __getattr__(name: str) -> Any:
    if name == "run":
        from stepsight._run import Run

        value: Any = Run()
    elif name in _LAZY:
        import importlib

        value = getattr(importlib.import_module(f"stepsight.{_LAZY[name]}"), name)
    else:
        raise AttributeError(f"module 'stepsight' has no attribute '{name}'")
    globals()[name] = value
    return value
