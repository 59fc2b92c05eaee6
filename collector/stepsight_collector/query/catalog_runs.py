"""Our own tables, as a query sees them: runs, steps, their metrics, events and signs of life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql.schema import Bag, Column, Table
from stepsight_collector.kql.types import ScalarType
from stepsight_collector.query.catalog_columns import dimension_bag

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run_tables"]

_S, _T, _I, _L, _R, _B, _D = (
    ScalarType.STRING,
    ScalarType.DATETIME,
    ScalarType.INT,
    ScalarType.LONG,
    ScalarType.REAL,
    ScalarType.BOOL,
    ScalarType.DYNAMIC,
)
_RUN = (
    Column("runId", _S, "The pipeline run: `customDimensions.parent_run_id`."),
    Column("stepId", _S, "The step run: `customDimensions.step_id`."),
    Column("stepName", _S, "Name of the step."),
    Column("experimentName", _S, "Experiment: a named group of runs."),
)
_COUNTS = (
    Column("logRows", _L, "Log lines."),
    Column("warningRows", _L, "Of these, warnings."),
    Column("errorRows", _L, "Of these, errors and worse."),
    Column("metricRows", _L, "Values of metrics."),
)
_DIMENSIONS = Column(
    "customDimensions", _D, "Run identity and attributes by key, all as text.",
    bag=dimension_bag(has_level=False),
)  # fmt: skip
# Attributes of the run's own events have our prefix: nothing is hidden in these.
_PLAIN_DIMENSIONS = replace(
    _DIMENSIONS, bag=Bag(rest="Attributes", keys=dimension_bag(has_level=False).keys)
)


def _lifetime(of: str) -> tuple[Column, ...]:
    return (
        Column(
            "status", _S,
            "Queued, Running, Completed, Failed, Canceled, NotResponding, Reused or Unknown.",
        ),
        Column("endTime", _T, f"When the {of} ended; null while it runs.", is_nullable=True),
        Column("duration", _R, "How long it took, or runs by now, in milliseconds."),
        Column("lastHeard", _T, "When the collector last got something from it."),
        Column("cause", _S, "Why it failed, as far as that is known."),
        Column("operation_Id", _S, "Id of the operation: OpenTelemetry's trace id."),
    )  # fmt: skip


def run_tables() -> Iterator[Table]:
    """Every table of our own."""
    yield Table("runs", "run_rows", _runs(), "Pipeline runs, one row each.", unioned=False)
    yield Table("steps", "step_rows", _steps(), "Step runs, one row each.", unioned=False)
    yield Table(
        "runMetrics",
        "runMetrics",
        _metrics(),
        "Values of `run.log` and its relatives, one row each; nothing is aggregated.",
        unioned=False,
    )
    yield Table(
        "runEvents",
        "runEvents",
        _events(),
        "What a run says of itself: start, end, environment, tags, parameters, files.",
    )
    yield Table(
        "heartbeats",
        "heartbeats",
        _heartbeats(),
        "Signs of life of steps and runs, with what they use.",
        unioned=False,
    )
    yield Table(
        "miniBatches",
        "miniBatches",
        _mini_batches(),
        "Calls of `run(mini_batch)` of parallel steps, one row each.",
        unioned=False,
    )


def _runs() -> tuple[Column, ...]:
    return (
        Column("timestamp", _T, "When the run began."),
        Column("runId", _S, "The pipeline run: `customDimensions.parent_run_id`."),
        Column("name", _S, "The run's name, else its experiment's."),
        Column("experimentName", _S, "Experiment: a named group of runs."),
        *_lifetime("run"),
        Column("steps", _L, "Step runs of it."),
        Column("stepsFailed", _L, "Of these, failed ones."),
        *_COUNTS,
    )


def _steps() -> tuple[Column, ...]:
    return (
        Column("timestamp", _T, "When the step run began."),
        *_RUN,
        *_lifetime("step run"),
        Column("exitCode", _L, "Exit code of its process.", is_nullable=True),
        Column("exitSignal", _S, "The signal that ended its process."),
        Column("host", _S, "The machine it runs on."),
        Column("memoryPeakBytes", _L, "Largest use of memory."),
        *_COUNTS,
        Column("spans", _L, "Spans."),
        Column("recordsSent", _L, "Records that its processes sent."),
        Column("recordsDropped", _L, "Records that its processes had to drop."),
    )  # fmt: skip


def _metrics() -> tuple[Column, ...]:
    return (
        Column("timestamp", _T, "When the value was logged."),
        *_RUN,
        Column("name", _S, "Name of the metric."),
        Column("value", _R, "The value; null if it is text.", is_nullable=True),
        Column("index", _L, "Position in the series, from 0, or the step that was given."),
        Column("kind", _S, "How it was logged: scalar, list, row or table."),
        Column("column", _S, "The column, of a row or a table."),
        Column("text", _S, "The value if it is no number."),
    )


def _events() -> tuple[Column, ...]:
    return (
        Column("timestamp", _T, "When it happened."),
        Column("name", _S, "Name of the event: `stepsight.step.end`, `stepsight.run.tag`, ….",
               ),
        Column("message", _S, "The event in words."),
        *_RUN,
        _PLAIN_DIMENSIONS,
        Column("instance", _S, "The process: host and process id."),
        Column("operation_Id", _S, "Id of the operation: OpenTelemetry's trace id."),
        Column("itemType", _S, "Always `runEvent`."),
        Column("itemId", _S, "An id of the row, unique and always the same."),
    )  # fmt: skip


def _heartbeats() -> tuple[Column, ...]:
    numbers = (
        ("interval", _R, "Seconds between heartbeats, as promised."),
        ("cpuTime", _R, "CPU time of the process so far, in seconds."),
        ("memoryBytes", _L, "Memory of the process."),
        ("memoryPeakBytes", _L, "Its largest value so far."),
        ("threads", _L, "Threads of the process."),
        ("openFiles", _L, "Open files of the process."),
        ("processes", _L, "Living processes of the step."),
        ("containerMemoryBytes", _L, "Memory of the container that cannot be dropped."),
        ("containerMemoryLimitBytes", _L, "How much memory the container may use."),
        ("containerCpuTime", _R, "CPU time of the container so far, in seconds."),
        ("containerCpuLimit", _R, "How many CPUs the container may use."),
        ("hostMemoryAvailableBytes", _L, "Memory of the machine that is to be had."),
        ("hostMemoryBytes", _L, "Memory of the machine."),
        ("diskFreeBytes", _L, "Free space of the working directory's disk."),
        ("diskBytes", _L, "Size of that disk."),
        ("gpuUtilization", _D, "Utilization of each GPU, 0 to 1."),
        ("gpuMemoryBytes", _D, "Memory used of each GPU."),
        ("recordsSent", _L, "Records that the process has sent."),
        ("recordsDropped", _L, "Records that the process had to drop."),
    )
    return (
        Column("timestamp", _T, "When it was sent."),
        *_RUN,
        Column("witness", _S, "Who speaks: the process itself or its supervisor."),
        *(Column(name, kind, text, is_nullable=True) for name, kind, text in numbers),
        Column("host", _S, "The machine."),
        Column("instance", _S, "The process: host and process id."),
        _PLAIN_DIMENSIONS,
    )


def _mini_batches() -> tuple[Column, ...]:
    return (
        Column("timestamp", _T, "When the call began."),
        *_RUN,
        Column("name", _S, "Name of the span."),
        Column("duration", _R, "How long it took, in milliseconds."),
        Column("success", _B, "Whether the call went well."),
        Column("message", _S, "What went wrong."),
        Column("worker", _S, "The worker process: host and process id."),
        _DIMENSIONS,
        Column("id", _S, "Id of the span."),
        Column("operation_Id", _S, "Id of the operation: OpenTelemetry's trace id."),
        Column("operation_ParentId", _S, "Id of the step's span."),
    )
