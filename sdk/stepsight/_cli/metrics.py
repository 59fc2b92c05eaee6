"""`stepsight metrics`: what a run's steps logged with `run.log`, as a table or a plot."""

from __future__ import annotations

from typing import Any

import click

from stepsight._cli.fields import METRIC_FIELDS, POINT_FIELDS
from stepsight._cli.metric_plot import plot_lines
from stepsight._cli.options import api_option, format_option, make_api, run_argument
from stepsight._cli.output import is_terminal, print_rows, shell_argument
from stepsight._cli.progress import progress
from stepsight._cli.show import METRIC_COLUMNS, series_name
from stepsight._cli.table import Column, print_table
from stepsight._cli.text import number, one_line

__all__ = ["metrics_command"]

# Points that a table shows at either end; all of them: --format csv, or a pipe.
MAX_TABLE_POINTS = 200


@click.command("metrics")
@run_argument
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--step", metavar="S", help="Only this step, by name or id.")
@click.option("--plot", is_flag=True, help="Draw the series instead of listing them.")
@format_option()
@api_option
def metrics_command(
    *, run: str, name: str | None, step: str | None, plot: bool, form: str, api: str | None
) -> None:
    """List or plot the metrics of a run.

    RUN is an id or the beginning of one, a name, @last or @last-failed. Without NAME there is one
    row for each series, with NAME one for each point. --plot without NAME draws every metric.
    """
    if plot and form != "table":
        raise click.UsageError(f"--plot draws; it cannot be joined with --format {form}.")
    client = make_api(api)
    with progress("Asking the collector for metrics"):
        if name is None and not plot:
            answer = client.get("runs", run)
        else:
            answer = client.get("runs", run, "metrics", name=name, step=step)
    if name is None and not plot:
        _print_series([m for m in answer["metrics"] if _is_of_step(m, step)], answer["run"], form)
    elif not answer["rows"]:
        _print_nothing(answer["run"], name, step, form)
    elif plot:
        _print_plots(answer["rows"], is_named=name is not None)
    else:
        _print_points(answer["rows"], form)


def _is_of_step(row: dict[str, Any], step: str | None) -> bool:
    return step is None or step in {row["step_name"], row["step_id"]}


def _print_series(metrics: list[dict[str, Any]], run: dict[str, Any], form: str) -> None:
    if form != "table":
        print_rows(metrics, form, METRIC_FIELDS)
    elif not metrics:
        click.echo(
            f'Run {run["run_id"]} has no metrics yet. A step logs one: run.log("loss", 0.12)'
        )
    else:
        print_table(metrics, METRIC_COLUMNS)


def _print_nothing(run: dict[str, Any], name: str | None, step: str | None, form: str) -> None:
    """A metric that does not exist is an error; a run without metrics is not."""
    run_id = shell_argument(run["run_id"])
    if name is not None:
        from stepsight._cli.errors import CliError

        where = f" in step {step}" if step else ""
        raise CliError(
            f'run {run["run_id"]} has no metric "{name}"{where}.',
            f"stepsight metrics {run_id} lists those it has.",
        )
    _print_series([], run, form)


def _print_points(rows: list[dict[str, Any]], form: str) -> None:
    if form != "table":
        print_rows(rows, form, POINT_FIELDS)
        return
    columns = (
        Column("STEP", lambda row: row["step_name"] or row["step_id"], shrinks=True),
        Column("METRIC", series_name),
        Column("INDEX", lambda row: str(row["index"]), right=True),
        Column("TIME", lambda row: row["timestamp"][:23].replace("T", " ") + "Z"),
        Column("VALUE", lambda row: number(row["value"]), lambda _: "bold", right=True),
        Column("TEXT", lambda row: row["text"] or "", shrinks=True),
    )
    hidden = len(rows) - MAX_TABLE_POINTS if is_terminal() else 0
    print_table(rows[-MAX_TABLE_POINTS:] if hidden > 0 else rows, columns)
    if hidden > 0:
        click.echo(f"{hidden:,} earlier points are left out: --plot draws, --format csv has all.")


def _print_plots(rows: list[dict[str, Any]], *, is_named: bool) -> None:
    """One plot for each metric. Its steps and columns are its lines."""
    plots: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        plots.setdefault(row["name"], []).append(row)
    left_out = []
    for name, points in plots.items():
        if not is_named and points[0]["kind"] == "table":
            left_out.append(name)
            continue
        for line in plot_lines(name, points):
            click.echo(line)
    if left_out:
        click.echo(f"Tables are drawn when named: {', '.join(map(one_line, left_out))}")
