"""`stepsight runs`: the newest runs, one line each."""

from __future__ import annotations

import click

from stepsight._cli.fields import RUN_FIELDS
from stepsight._cli.options import api_option, format_option, make_api
from stepsight._cli.output import is_terminal, print_rows, status_style, styled
from stepsight._cli.progress import progress
from stepsight._cli.table import Column, fit, print_table, terminal_width
from stepsight._cli.text import ago, clock, duration, one_line

__all__ = ["runs_command"]

STATUSES = (
    "Queued",
    "Running",
    "Completed",
    "Failed",
    "Canceled",
    "NotResponding",
    "Reused",
    "Unknown",
)


def _steps(run: dict[str, int]) -> str:
    failed = run["steps_failed"]
    return f"{run['steps']} ({failed} failed)" if failed else str(run["steps"])


_COLUMNS = (
    Column("RUN", lambda run: run["run_id"], lambda _run: "bold"),
    Column("EXPERIMENT", lambda run: run["experiment_name"], shrinks=True, spare=1),
    Column("STATUS", lambda run: run["status"], lambda run: status_style(run["status"])),
    Column("STARTED", lambda run: ago(run["started_at"]), right=True),
    Column("AT", lambda run: clock(run["started_at"]), spare=2),
    Column("DURATION", lambda run: duration(run["duration_s"]), right=True),
    Column("STEPS", _steps, right=True),
    Column("ERRORS", lambda run: str(run["error_rows"] or ""), lambda _run: "red", right=True),
)
_CAUSE = Column("CAUSE", lambda run: run["cause"] or "")


@click.command("runs")
@click.option("--experiment", metavar="NAME", help="Only runs of this experiment.")
@click.option(
    "--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only runs in this state."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="At most so many.",
)
@format_option()
@api_option
def runs_command(
    *, experiment: str | None, status: str | None, limit: int, form: str, api: str | None
) -> None:
    """List the newest runs."""
    with progress("Asking the collector for runs"):
        answer = make_api(api).get("runs", experiment=experiment, status=status, limit=limit)
    runs = answer["runs"]
    if form != "table":
        print_rows(runs, form, RUN_FIELDS)
    elif not runs:
        _say_why_empty(experiment, status)
    elif is_terminal():
        print_table(runs, _COLUMNS, note=_cause)
    else:
        print_table(runs, (*_COLUMNS, _CAUSE))


def _say_why_empty(experiment: str | None, status: str | None) -> None:
    if experiment or status:
        wanted = " ".join(part for part in (status, "runs") if part)
        where = f" in experiment {experiment}" if experiment else ""
        click.echo(f"No {wanted}{where}. stepsight runs lists all of them.")
        return
    click.echo("No runs yet.")
    click.echo("  stepsight run -- python your_step.py   records one")
    click.echo("  stepsight demo                         runs a sample pipeline")
    click.echo("  stepsight doctor                       if you expected some: what is wrong")


def _cause(run: dict[str, str]) -> str:
    if not run["cause"]:
        return ""
    text = fit(one_line(run["cause"]), terminal_width() - 2)
    return styled(text, status_style(run["status"]))
