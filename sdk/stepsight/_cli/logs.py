"""`stepsight logs`: what a run's steps printed and logged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.fields import LOG_FIELDS
from stepsight._cli.log_lines import LogPrinter
from stepsight._cli.options import api_option, format_option, make_api, run_argument
from stepsight._cli.output import print_rows
from stepsight._cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["logs_command"]

LEVELS = ("debug", "info", "warning", "error", "critical")
_BACK = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|m|h|d)\Z")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


class Since(click.ParamType[str]):
    """How far back, as `10m` or `1h`, or a time; becomes what the API reads."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text; `10m` becomes seconds."""
        from datetime import datetime

        text = str(value).strip()
        match = _BACK.match(text)
        if match:
            return f"{float(match[1]) * _UNITS_S[match[2]]:.3f}"
        try:
            datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            self.fail(
                f"expected how far back (30s, 10m, 1h, 2d) or a time (2026-11-24T14:00:00Z), "
                f'got "{text}"',
                param,
                ctx,
            )
        return text


@click.command("logs")
@run_argument
@click.option("--step", metavar="S", help="Only this step, by name or id.")
@click.option(
    "--level", type=click.Choice(LEVELS, case_sensitive=False), help="Only this level and above."
)
@click.option(
    "--since",
    type=Since(),
    metavar="10m|1h|TIME",
    help="Only what was logged since; a time without a zone is UTC.",
)
@click.option("--grep", metavar="TEXT", help="Only messages with this text, ignoring case.")
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), help="Only captured lines.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="The newest so many rows.",
)
@click.option("-f", "--follow", is_flag=True, help="Keep printing until the run ends.")
@format_option()
@api_option
def logs_command(
    *,
    run: str,
    step: str | None,
    level: str | None,
    since: str | None,
    grep: str | None,
    stream: str | None,
    limit: int,
    follow: bool,
    form: str,
    api: str | None,
) -> None:
    """Print the log of a run; --follow keeps printing.

    RUN is an id or the beginning of one, a name, @last or @last-failed. Times are UTC.

    With --follow the exit code says how the run ended: 0 Completed, 1 Failed, Canceled or
    NotResponding. A collector that restarts meanwhile is waited for.
    """
    if follow and form in {"json", "csv"}:
        raise click.UsageError(
            f"--follow prints rows as they come; use --format jsonl, not {form}."
        )
    client = make_api(api)
    filters = {"step": step, "level": level, "since": since, "grep": grep, "stream": stream}
    with progress("Asking the collector for the log"):
        answer = client.get("runs", run, "logs", limit=limit, **filters)
    if answer["truncated"] and not _is_given("limit"):
        note = f"Only the newest {limit:,} rows are shown; --limit N shows more.\n"
        click.echo(note, err=True)
    show = _shower(form)
    show(answer["rows"])
    if follow:
        from stepsight._cli.follow import follow_run

        click.get_current_context().exit(follow_run(client, answer, filters, show))
    if not answer["rows"] and form == "table":
        _say_why_empty(answer["run"], filters)


def _is_given(parameter: str) -> bool:
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


def _shower(form: str) -> Callable[[list[dict[str, Any]]], None]:
    """What prints rows in the format; may be called again with more."""
    if form == "table":
        return LogPrinter().print
    return lambda rows: print_rows(rows, form, LOG_FIELDS)


def _say_why_empty(run: dict[str, Any], filters: dict[str, str | None]) -> None:
    given = " ".join(f"--{name}" for name, value in filters.items() if value)
    if given:
        click.echo(f"No log row of run {run['run_id']} fits {given}.", err=True)
    else:
        click.echo(f"Run {run['run_id']} has logged nothing yet.", err=True)
