"""`stepsight show`: one run on one page, for somebody who wants to know how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.fields import STEP_FIELDS
from stepsight._cli.options import api_option, format_option, make_api, run_argument
from stepsight._cli.output import print_rows, shell_argument, status_style, styled
from stepsight._cli.progress import progress
from stepsight._cli.spark import bar, sparkline
from stepsight._cli.table import Column, fit, print_table, terminal_width
from stepsight._cli.text import (
    ago,
    clock,
    count,
    duration,
    number,
    one_line,
    parse_time,
    printable,
    size,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["METRIC_COLUMNS", "series_name", "show_command"]

TIMELINE_WIDTH = 24
ENDED_BADLY = ("Failed", "NotResponding", "Canceled")
# A run's cause is the step's with its name before it; longer ones are told in full by the log.
MAX_METRICS = 30


@click.command("show")
@run_argument
@format_option()
@api_option
def show_command(*, run: str, form: str, api: str | None) -> None:
    """Show one run: its steps, metrics, tags and cause.

    RUN is an id or the beginning of one, a name, @last or @last-failed. With --format json, jsonl
    or csv the rows are the run's step runs.
    """
    with progress("Asking the collector for the run"):
        answer = make_api(api).get("runs", run)
    if form != "table":
        run_id = answer["run"]["run_id"]
        print_rows(({"run_id": run_id, **step} for step in answer["steps"]), form, STEP_FIELDS)
        return
    _print_head(answer["run"], answer["tags"], answer["artifacts"])
    _print_steps(answer["run"], answer["steps"])
    _print_metrics(answer["run"], answer["metrics"])
    _print_advice(answer["run"], answer["steps"], api)


def _print_head(run: dict[str, Any], tags: dict[str, str], artifacts: int) -> None:
    state = styled(run["status"], status_style(run["status"]))
    took = f" after {duration(run['duration_s'])}" if run["ended_at"] else ""
    if run["status"] == "Running":
        took = f" for {duration(run['duration_s'])}"
    click.echo(f"{styled('Run ' + one_line(run['run_id']), 'bold')}  {state}{took}")
    started = f"{clock(run['started_at'])}, {ago(run['started_at'])}"
    fetch = f"{artifacts}: stepsight artifacts {shell_argument(printable(run['run_id']))}"
    pairs = [
        ("name", run["name"]),
        ("experiment", run["experiment_name"]),
        ("started", started),
        ("records", _records(run)),
        ("operation", run["operation_id"] or ""),
        ("artifacts", fetch if artifacts else ""),
        ("tags", ", ".join(f"{key}={value}" for key, value in tags.items())),
        ("cause", ""),
    ]
    for key, value in pairs:
        if value:
            click.echo(f"  {key:<11} {one_line(value)}")
    if run["cause"]:
        cause = fit(one_line(run["cause"]), 2000)
        click.echo(f"  {'cause':<11} {styled(cause, status_style(run['status']))}")


def _records(run: dict[str, Any]) -> str:
    parts = [count(run["log_rows"], "log row")]
    parts += [
        count(run[f"{level}_rows"], level) for level in ("warning", "error") if run[f"{level}_rows"]
    ]
    return ", ".join([*parts, count(run["metric_rows"], "metric row")])


def _print_steps(run: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    click.echo()
    if not steps:
        click.echo("No steps yet.")
        return
    start = parse_time(run["started_at"])
    total_s = max(_end_s(step, start) for step in steps) or 1e-9
    columns = (
        Column("STEP", lambda step: step["step_name"] or step["step_id"], shrinks=True),
        Column("STATUS", lambda step: step["status"], lambda step: status_style(step["status"])),
        Column("DURATION", lambda step: duration(step["duration_s"]), right=True),
        Column(
            "TIMELINE",
            lambda step: bar(_start_s(step, start), _end_s(step, start), total_s, TIMELINE_WIDTH),
            lambda step: status_style(step["status"]),
            spare=1,
        ),
        Column("EXIT", _exit, right=True),
        Column("LOG", lambda step: str(step["log_rows"]), right=True),
        Column("ERRORS", lambda step: str(step["error_rows"] or ""), lambda _: "red", right=True),
        Column("MEMORY", lambda step: size(step["memory_peak_bytes"]), right=True, spare=2),
        Column(
            "DROPPED", lambda step: str(step["records_dropped"] or ""), lambda _: "red", right=True
        ),
        Column("HOST", lambda step: step["host"] or "", shrinks=True, spare=3),
    )
    several = len([step for step in steps if step["cause"]]) > 1
    print_table(steps, columns, note=_step_cause if several else None)


def _step_cause(step: dict[str, Any]) -> str:
    if not step["cause"]:
        return ""
    text = fit(one_line(step["cause"]), terminal_width() - 2)
    return styled(text, status_style(step["status"]))


def _exit(step: dict[str, Any]) -> str:
    code = "" if step["exit_code"] is None else str(step["exit_code"])
    return str(step["exit_signal"] or code)


def _start_s(step: dict[str, Any], start: datetime) -> float:
    return (parse_time(step["started_at"]) - start).total_seconds()


def _end_s(step: dict[str, Any], start: datetime) -> float:
    return _start_s(step, start) + float(step["duration_s"] or 0)


def series_name(metric: dict[str, Any]) -> str:
    """A metric's name, with its column if it has one: `learning_curve.train`."""
    return ".".join(part for part in (metric["name"], metric["column"]) if part)


def _is_series(metric: dict[str, Any]) -> bool:
    return metric["points"] > 1 and metric["last_text"] is None


def _last(metric: dict[str, Any]) -> str:
    text = metric["last_text"]
    return number(metric["last"]) if text is None else fit(one_line(text), 60)


METRIC_COLUMNS = (
    Column("STEP", lambda metric: metric["step_name"] or metric["step_id"], shrinks=True),
    Column("METRIC", series_name),
    Column("POINTS", lambda metric: str(metric["points"]), right=True),
    Column("FIRST", lambda m: number(m["first"]) if _is_series(m) else "", right=True),
    Column("LAST", _last, lambda _: "bold", right=True),
    Column("MIN", lambda m: number(m["min"]) if _is_series(m) else "", right=True, spare=2),
    Column("MAX", lambda m: number(m["max"]) if _is_series(m) else "", right=True, spare=2),
    Column(
        "FORM", lambda m: sparkline(m["sketch"]) if _is_series(m) else "", lambda _: "cyan", spare=1
    ),
)


def _print_metrics(run: dict[str, Any], metrics: list[dict[str, Any]]) -> None:
    if not metrics:
        return
    click.echo()
    print_table(metrics[:MAX_METRICS], METRIC_COLUMNS)
    if len(metrics) > MAX_METRICS:
        rest = len(metrics) - MAX_METRICS
        click.echo(f"… {rest} more: stepsight metrics {shell_argument(run['run_id'])}")


def _print_advice(run: dict[str, Any], steps: list[dict[str, Any]], api: str | None) -> None:
    """What to type next, for a run that did not end well."""
    if run["status"] not in ENDED_BADLY:
        return
    address = f" --api {shell_argument(api)}" if api else ""
    name = shell_argument(printable(run["run_id"]))
    failed = next((step for step in steps if step["status"] in ENDED_BADLY), None)
    step = f" --step {shell_argument(printable(failed['step_name']))}" if failed else ""
    click.echo("\nWhat to type next")
    click.echo(f"  stepsight logs {name}{step}{address}")
    if run["error_rows"]:
        click.echo(f"  stepsight logs {name} --level error{address}")
    if run["operation_id"]:
        click.echo(f"  stepsight trace {name}{address}")
