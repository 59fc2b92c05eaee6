"""Handlers with the signature of opencensus.ext.azure.log_exporter's, for scripts that have them.

They add no second way: a record that comes through one is recorded as every other is, once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from stepsight import _state
from stepsight._client import guarded
from stepsight._logging import decorators

__all__ = ["AzureEventHandler", "AzureLogHandler", "watch"]

# Options of OpenCensus's handlers. They say how it sends; here the settings of stepsight do.
OPTIONS = frozenset(
    {
        *("connection_string", "credential", "enable_local_storage", "enable_standard_metrics"),
        *("endpoint", "export_interval", "grace_period", "instrumentation_key"),
        *("logging_sampling_rate", "max_batch_size", "minimum_retry_interval", "proxies"),
        *("queue_capacity", "storage_maintenance_period", "storage_max_size", "storage_path"),
        *("storage_retention_period", "timeout"),
    }
)

_watched: list[type] = []
_said: set[str] = set()


class AzureLogHandler(logging.Handler):
    """Records log records; takes every option that OpenCensus's AzureLogHandler does.

    A connection string is accepted, and not used to send anywhere: records go where the setting
    `endpoint` says. With `use_connection_string=True` its IngestionEndpoint becomes that setting,
    if recording has not begun. Raises TypeError for an option that neither knows, ConfigError for
    an IngestionEndpoint that cannot be used.
    """

    def __init__(self, *, use_connection_string: bool = False, **options: Any) -> None:
        super().__init__()
        _check_options(type(self).__name__, options)
        given = str(options.get("connection_string") or "")
        if use_connection_string:
            _state.init(endpoint=_ingestion_endpoint(given))
        client = _state.ensure()
        if client is not None:
            unused = "" if use_connection_string or not given else ", not by its connection string"
            _say_once(f"{type(self).__name__} sends to {client.settings.endpoint}{unused}")

    def emit(self, record: logging.LogRecord) -> None:
        """Record it, if nobody has yet."""
        if _state.ensure() is not None and _state.capture is not None:
            _state.capture.capture(record)

    def add_telemetry_processor(self, processor: Any) -> None:
        """Accepted and not called: there is no envelope that it could change."""
        name = getattr(processor, "__name__", "processor")
        _say_once(f"{type(self).__name__}: the telemetry processor {name} is not applied")

    def clear_telemetry_processors(self) -> None:
        """Nothing: there are none."""


class AzureEventHandler(AzureLogHandler):
    """Records each log record as an event as well, named by its message.

    Dimensions as with AzureLogHandler; `extra={"custom_measurements": {...}}` adds numbers.
    """

    @guarded
    def emit(self, record: logging.LogRecord) -> None:
        """Record an event; the log row comes by the capture of logging."""
        client = _state.ensure()
        if client is None:
            return
        held = record.__dict__
        attributes: dict[str, Any] = {}
        for given in (record.args, held.get("custom_dimensions"), held.get("custom_measurements")):
            if isinstance(given, Mapping):
                attributes.update(given)
        message = self.format(record)
        client.log(message, scope=record.name, attributes=attributes, event=message)


def watch(handler_type: type) -> None:
    """Give the records that reach a handler of this type the properties that OpenCensus gives."""
    if handler_type not in _watched:
        _watched.append(handler_type)
    if _add_properties not in decorators:
        decorators.append(_add_properties)


def _add_properties(record: logging.LogRecord, attributes: dict[str, Any]) -> None:
    if _reaches_handler(record):
        properties = {
            "process": record.processName,
            "module": record.module,
            "fileName": record.pathname,
            "lineNumber": record.lineno,
            "level": record.levelname,
        }
        for key, value in properties.items():
            attributes.setdefault(key, value)


def _reaches_handler(record: logging.LogRecord) -> bool:
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger is not None:
        for handler in logger.handlers:
            if isinstance(handler, tuple(_watched)) and record.levelno >= handler.level:
                return True
        logger = logger.parent if logger.propagate else None
    return False


def _check_options(name: str, options: dict[str, Any]) -> None:
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise TypeError(f"{name} got an unexpected option {', '.join(unknown)}")


def _ingestion_endpoint(connection_string: str) -> str:
    from stepsight.errors import ConfigError

    pairs = (pair.partition("=") for pair in connection_string.split(";"))
    found = {key.strip().lower(): value.strip() for key, _, value in pairs}
    if not found.get("ingestionendpoint"):
        raise ConfigError(
            "AzureLogHandler(use_connection_string=True) needs an IngestionEndpoint in the "
            "connection string, as in InstrumentationKey=…;IngestionEndpoint=http://host:4318"
        )
    return found["ingestionendpoint"].rstrip("/")


def _say_once(what: str) -> None:
    if what not in _said and sys.__stderr__ is not None:
        _said.add(what)
        sys.__stderr__.write(f"stepsight: {what}\n")


watch(AzureLogHandler)
