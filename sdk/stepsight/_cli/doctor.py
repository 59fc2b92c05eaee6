"""`stepsight doctor`: what is configured, what is reachable, what is wrong and what to do."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby

import click

from stepsight._cli.checks import (
    Check,
    check_identity,
    check_settings,
    check_spool,
    check_versions,
    usable_settings,
)
from stepsight._cli.collector_checks import check_api, check_endpoint
from stepsight._cli.fields import CHECK_FIELDS
from stepsight._cli.options import api_option, format_option
from stepsight._cli.output import print_rows, styled
from stepsight._cli.progress import progress
from stepsight._cli.table import pad
from stepsight._cli.text import count, one_line

__all__ = ["doctor_command"]

SIGNS = {"ok": "✓", "info": " ", "warning": "!", "problem": "✗", "unreachable": "✗"}
STYLES = {"ok": "green", "info": "", "warning": "yellow", "problem": "red", "unreachable": "red"}
EXIT_PROBLEM, EXIT_UNREACHABLE = 1, 3


@click.command("doctor")
@format_option()
@api_option
def doctor_command(*, form: str, api: str | None) -> None:
    """Say what is configured, reachable and wrong.

    Ends with exit code 1 if something is wrong, 3 if a collector cannot be reached.
    """
    with progress("Asking the collector how it is"):
        checks = _run_checks(api)
    if form == "table":
        _print_checks(checks)
        _print_summary(checks)
    else:
        print_rows((asdict(check) for check in checks), form, CHECK_FIELDS)
    states = {check.state for check in checks}
    if "unreachable" in states:
        click.get_current_context().exit(EXIT_UNREACHABLE)
    if "problem" in states:
        click.get_current_context().exit(EXIT_PROBLEM)


def _run_checks(api: str | None) -> list[Check]:
    settings, problems = usable_settings()
    return [
        *check_settings(problems),
        *check_endpoint(settings.endpoint, settings.token),
        *check_api(api or settings.api, settings.token, settings.endpoint),
        *check_spool(settings.spool, settings.spool_max_bytes),
        *check_identity(),
        *check_versions(),
    ]


def _print_checks(checks: list[Check]) -> None:
    name_width = max(len(check.name) for check in checks)
    value_width = min(max(len(check.value) for check in checks), 48)
    for section, group in groupby(checks, key=lambda check: check.section):
        click.echo(styled(section.capitalize(), "bold"))
        for check in group:
            sign = styled(SIGNS[check.state], STYLES[check.state])
            value = one_line(check.value)
            source = one_line(check.source)
            line = (
                f"{pad(check.name, name_width)}  {pad(value, value_width)}  {styled(source, 'dim')}"
            )
            click.echo(f"  {sign} {line}".rstrip())


def _print_summary(checks: list[Check]) -> None:
    bad = [check for check in checks if check.state in {"warning", "problem", "unreachable"}]
    click.echo()
    if not bad:
        click.echo(styled("Nothing is wrong.", "green"))
        return
    click.echo(styled(count(len(bad), "finding"), "bold"))
    for check in bad:
        head = f"{check.section} {check.name}: {check.value}".rstrip(".")
        click.echo(f"  {styled(SIGNS[check.state], STYLES[check.state])} {one_line(head)}")
        for line in check.advice.splitlines():
            click.echo(f"    {one_line(line)}")
