"""Stands for opencensus.ext.azure.log_exporter: the handlers are stepsight's."""

from __future__ import annotations

from stepsight import AzureEventHandler, AzureLogHandler

__all__ = ["AzureEventHandler", "AzureLogHandler"]
STEPSIGHT_STAND_IN = True
