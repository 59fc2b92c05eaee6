"""The tables of Application Insights, as a query sees them: classic and workspace names.

One entry describes both: the workspace view renames the classic one's columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepsight_collector.kql.schema import Table
from stepsight_collector.kql.types import ScalarType
from stepsight_collector.query.catalog_columns import Pair, classic_columns, workspace_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["item_tables"]

_S, _T, _I, _R, _B, _D = (
    ScalarType.STRING,
    ScalarType.DATETIME,
    ScalarType.INT,
    ScalarType.REAL,
    ScalarType.BOOL,
    ScalarType.DYNAMIC,
)


class _Item(NamedTuple):
    classic: str
    workspace: str
    description: str
    own: tuple[Pair, ...]
    has_level: bool = False
    is_metric: bool = False


_SEVERITY = Pair(
    "severityLevel", "SeverityLevel", _I,
    "0 Verbose, 1 Information, 2 Warning, 3 Error, 4 Critical; null if none was given.", True,
)  # fmt: skip

_DURATION = Pair("duration", "DurationMs", _R, "How long it took, in milliseconds.", True)
_SPAN_DURATION = Pair("duration", "DurationMs", _R, "How long it took, in milliseconds.")
_BUCKET = Pair(
    "performanceBucket", "PerformanceBucket", _S, "The duration's class: `<250ms` to `>=5min`."
)
_SUCCESS = Pair(
    "success", "Success", _S, "Whether it went well: `True` or `False`, in workspaces a bool.",
    workspace_type=_B,
)  # fmt: skip
_NAME = Pair("name", "Name", _S, "Its name.")
_URL = Pair("url", "Url", _S, "The address that was asked for.")

_EXCEPTION = (
    Pair("problemId", "ProblemId", _S, "What groups equal problems: type and throwing function."),
    Pair("type", "ExceptionType", _S, "Type of the exception that was caught or logged."),
    Pair("message", "Message", _S, "The log line, else the exception's message."),
    Pair("assembly", "Assembly", _S, "Module of the throwing function, where it was told."),
    Pair("method", "Method", _S, "The throwing function."),
    Pair("outerType", "OuterType", _S, "Type of the outermost exception of the chain."),
    Pair("outerMessage", "OuterMessage", _S, "Message of the outermost exception."),
    Pair("outerAssembly", "OuterAssembly", _S, "Module that threw the outermost exception."),
    Pair("outerMethod", "OuterMethod", _S, "Function that threw the outermost exception."),
    Pair("innermostType", "InnermostType", _S, "Type of the innermost exception: the cause."),
    Pair("innermostMessage", "InnermostMessage", _S, "Message of the innermost exception."),
    Pair("innermostAssembly", "InnermostAssembly", _S,
         "Module that threw the innermost exception."),
    Pair("innermostMethod", "InnermostMethod", _S,
         "Function that threw the innermost exception."),
    Pair("handledAt", "HandledAt", _S, "Where it was handled; sent by old clients only."),
    _SEVERITY,
    Pair("details", "Details", _D, "Every exception of the chain with its frames.", True),
)  # fmt: skip

_ITEMS = (
    _Item(
        "traces", "AppTraces",
        "Log lines, one row each, from loggers, captured output and any OpenTelemetry SDK.",
        (
            Pair("message", "Message", _S, "The text of the line."),
            _SEVERITY,
            Pair("", "ReferencedItemId", _S, "Always empty."),
            Pair("", "ReferencedType", _S, "Always empty."),
        ),
        has_level=True,
    ),
    _Item(
        "exceptions", "AppExceptions",
        "Exceptions: logged, recorded on a span, or the end of a step.",
        _EXCEPTION,
        has_level=True,
    ),
    _Item(
        "requests", "AppRequests",
        "Work that was asked for: spans of kind server and consumer, and every step run.",
        (
            Pair("id", "Id", _S, "Id of the span."),
            Pair("source", "Source", _S, "Who asked, where it was told."),
            _NAME, _URL, _SUCCESS,
            Pair("resultCode", "ResultCode", _S, "Status code of the answer; 0 if there is none."),
            _SPAN_DURATION, _BUCKET,
        ),
    ),
    _Item(
        "dependencies", "AppDependencies",
        "Calls of others and work inside of a process: spans of all other kinds.",
        (
            Pair("id", "Id", _S, "Id of the span."),
            Pair("target", "Target", _S, "Who was called: host, database or queue."),
            Pair("type", "DependencyType", _S, "Kind of the call: HTTP, SQL, InProc and so on."),
            _NAME,
            Pair("data", "Data", _S, "What was asked for: address or statement."),
            _SUCCESS,
            Pair("resultCode", "ResultCode", _S, "Status code of the answer; 0 if there is none."),
            _SPAN_DURATION, _BUCKET,
        ),
    ),
    _Item(
        "customEvents", "AppEvents",
        "Events that a program names itself; what a run says of itself is in `runEvents`.",
        (_NAME,),
        has_level=True,
    ),
    _Item(
        "customMetrics", "AppMetrics",
        "Data points of metrics of every kind, one row each, and values of `run.log`.",
        (
            _NAME,
            Pair("value", "", _R, "The value; of an aggregate its sum.", True),
            Pair("valueSum", "Sum", _R, "Sum of the values.", True),
            Pair("valueCount", "ItemCount", _I, "How many values were measured."),
            Pair("valueMin", "Min", _R, "Smallest value, where it is known.", True),
            Pair("valueMax", "Max", _R, "Largest value, where it is known.", True),
            Pair("valueStdDev", "", _R, "Standard deviation, where the sender told it.", True),
        ),
        is_metric=True,
    ),
    _Item(
        "pageViews", "AppPageViews", "Views of pages, as browser clients send them.",
        (Pair("id", "Id", _S, "Id of the view."), _NAME, _URL, _DURATION, _BUCKET),
        has_level=True,
    ),
    _Item(
        "availabilityResults", "AppAvailabilityResults", "Results of availability tests.",
        (
            Pair("id", "Id", _S, "Id of the test run."),
            _NAME,
            Pair("location", "Location", _S, "Where the test ran."),
            Pair("success", "Success", _S,
                 "Whether it went well: `True` or `False`, in workspaces a bool.",
                 workspace_type=_B, is_workspace_nullable=True),
            Pair("message", "Message", _S, "What the test says."),
            _DURATION, _BUCKET,
            Pair("size", "Size", _R, "Always null: clients do not send it.", True),
        ),
        has_level=True,
    ),
    _Item(
        "performanceCounters", "AppPerformanceCounters",
        "Counters of processes and machines: those of Application Insights' clients, and "
        "OpenTelemetry's `process.` and `system.` metrics.",
        (
            Pair("name", "Name", _S, "Name of the counter."),
            Pair("category", "Category", _S, "What it counts for: Process, Memory, process, …."),
            Pair("counter", "", _S, "Name of the counter within its category."),
            Pair("instance", "Instance", _S, "Which process or device of the category."),
            Pair("value", "Value", _R, "The value.", True),
        ),
        is_metric=True,
    ),
    _Item(
        "browserTimings", "AppBrowserTimings", "Where the time of page views went.",
        (
            _NAME, _URL,
            Pair("networkDuration", "NetworkDurationMs", _R,
                 "Connecting, in milliseconds.", True),
            Pair("sendDuration", "SendDurationMs", _R, "Sending, in milliseconds.", True),
            Pair("receiveDuration", "ReceiveDurationMs", _R, "Receiving, in milliseconds.", True),
            Pair("processingDuration", "ProcessingDurationMs", _R,
                 "Processing the page, in milliseconds.", True),
            Pair("totalDuration", "TotalDurationMs", _R, "All of it, in milliseconds.", True),
            _BUCKET,
        ),
        has_level=True,
    ),
)  # fmt: skip


def item_tables() -> Iterator[Table]:
    """Every table of Application Insights, the classic ones first."""
    for item in _ITEMS:
        yield Table(
            item.classic,
            item.classic,
            classic_columns(item.own, has_level=item.has_level, is_metric=item.is_metric),
            item.description,
        )
    for item in _ITEMS:
        yield Table(
            item.workspace,
            item.workspace,
            workspace_columns(item.own, has_level=item.has_level, is_metric=item.is_metric),
            f"{item.description} The rows of `{item.classic}`, named as in workspaces.",
            time_column="TimeGenerated",
            unioned=False,
        )
