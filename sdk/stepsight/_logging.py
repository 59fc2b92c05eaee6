"""Capture of Python's logging: every record that a logger handles becomes a log row."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._client import Client

__all__ = ["ConsoleHandler", "RecordCapture", "decorators", "record_attributes", "severity_of"]

# Loggers of the sending itself: a record about a request must not cause another request.
IGNORED = ("stepsight.sdk", "urllib3", "http.client", "opentelemetry.exporter", "requests.packages")
_FIRST = vars(logging.LogRecord("", 0, "", 0, "", (), None))
_STANDARD = frozenset(_FIRST) | {
    "message",
    "asctime",
    "custom_dimensions",
    "taskName",
    "_stepsight_seen",
}


# What adds to the attributes of a record, in this order; empty for nearly every process.
decorators: list[Callable[[logging.LogRecord, dict[str, Any]], None]] = []


@cache
def severity_of(level: int) -> int:
    """OTLP severity number of a Python level: 10 is 5, 20 is 9, 30 is 13, 40 is 17, 50 is 21.

    Source: OpenTelemetry logs data model, appendix B, Python logging.
    """
    return max(1, min(24, (level // 10) * 4 + 1)) if level >= 10 else 1  # noqa: PLR2004


def record_attributes(record: logging.LogRecord) -> dict[str, Any]:
    """Custom dimensions of a record, and where it was made.

    Taken from `extra={"custom_dimensions": {...}}`, from a dict as the last positional argument
    (the idiom of the Azure docs), and from any other `extra` key.
    """
    held = record.__dict__
    # A record's own attributes come first, in the order of its class, and any extra ones behind.
    begin = len(_FIRST) if next(iter(held)) == "name" else 0
    attributes: dict[str, Any] = {
        key: value for key, value in islice(held.items(), begin, None) if key not in _STANDARD
    }
    args = record.args
    if args:
        given = args[-1] if isinstance(args, tuple) else args
        # A type test first: asking for Mapping costs ten times more, on every call.
        if type(given) is dict or isinstance(given, Mapping):
            attributes.update(given)
    dimensions = held.get("custom_dimensions")
    if type(dimensions) is dict or isinstance(dimensions, Mapping):
        attributes.update(dimensions)
    attributes["code.file.path"] = record.pathname
    attributes["code.line.number"] = record.lineno
    attributes["code.function.name"] = record.funcName or ""
    return attributes


def message_of(record: logging.LogRecord) -> str:
    """The formatted message; a dict given as an extra last argument does not spoil it."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        args = record.args
        if isinstance(args, tuple) and args and isinstance(args[-1], Mapping):
            return str(record.msg) % args[:-1]
        raise


class RecordCapture:
    """Sends every record that a logger handles, once, whatever else handles it.

    Stands behind Logger.callHandlers instead of being a handler on the root logger: with such a
    handler, logging.basicConfig() would do nothing and warnings without any handler would no
    longer reach the console.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._original: Any = None

    def install(self) -> None:
        """Begin to see records."""
        # The bootstrap of `stepsight run` has done its work when we come.
        before = self._original = logging.Logger.callHandlers
        original = getattr(before, "stepsight_original", before)

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            # Claimed first: a handler may pass on a copy, as QueueHandler does, to be shown later.
            is_ours = self._claim(record)
            try:
                original(logger, record)
            finally:
                if is_ours:
                    self._take(record)

        self._ours = call_handlers
        logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign,assignment]

    def uninstall(self) -> None:
        """Put logging back, if nobody else has changed it since."""
        if self._original is not None and logging.Logger.callHandlers is self._ours:
            logging.Logger.callHandlers = self._original  # type: ignore[method-assign]
        self._original = None

    def capture(self, record: logging.LogRecord) -> bool:
        """Queue the record if nobody has yet; never raises into the caller.

        Tells whether the record is recorded, now or before.
        """
        if self._claim(record):
            return self._take(record)
        return not record.name.startswith(IGNORED)

    def _claim(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be recorded by whoever asks: the first one, but for our own."""
        if "_stepsight_seen" in record.__dict__ or record.name.startswith(IGNORED):
            return False
        record._stepsight_seen = True  # noqa: SLF001 - travels with the record and its copies
        return True

    def _take(self, record: logging.LogRecord) -> bool:
        try:
            self._queue(record)
        except Exception:
            self._client.internal_errors += 1
            if self._client.settings.raise_errors:
                raise
            return False
        return True

    def _queue(self, record: logging.LogRecord) -> None:
        attributes = record_attributes(record)
        if record.exc_info and record.exc_info[0] is not None:
            from stepsight._exceptions import exception_attributes

            attributes.update(exception_attributes(*record.exc_info))
        for decorate in decorators:
            decorate(record, attributes)
        self._client.log(
            message_of(record),
            scope=record.name,
            severity=severity_of(record.levelno),
            level=record.levelname,
            attributes=attributes,
        )


class ConsoleHandler(logging.Handler):
    """Shows records of the `stepsight` logger on stderr when no other handler would."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; the tee knows it for a log record by the variable `record`."""
        if logging.getLogger().handlers:
            return
        try:
            if sys.stderr is not None:
                sys.stderr.write(self.format(record) + "\n")
                sys.stderr.flush()
        except Exception:  # noqa: BLE001 - logging's own rule: handleError decides
            self.handleError(record)
