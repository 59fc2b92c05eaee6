"""`stepsight run -- CMD`: run a command as a step, watched from outside."""

from __future__ import annotations

import sys

import click

__all__ = ["run_command"]

USAGE_ERROR = 2


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    options_metavar="[OPTIONS] --",
)
@click.option("--experiment", metavar="NAME", help="Named group that the run belongs to.")
@click.option("--pipeline-run", metavar="ID", help="Pipeline run that the step belongs to.")
@click.option("--step", metavar="NAME", help="The step's name; by default the script's.")
@click.option(
    "--dimension",
    "dimensions",
    metavar="KEY=VALUE",
    multiple=True,
    help="Custom dimension of every record; may be given several times.",
)
@click.option("--endpoint", metavar="URL", help="Where records go; wins over STEPSIGHT_ENDPOINT.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run_command(
    *,
    experiment: str | None,
    pipeline_run: str | None,
    step: str | None,
    dimensions: tuple[str, ...],
    endpoint: str | None,
    command: tuple[str, ...],
) -> None:
    """Run a command as a step and record it from outside, in any language.

    Its output, exit code, signal, peak memory and CPU time are recorded; the output also reaches
    the console unchanged. Ends with the command's exit code, 128 + n if signal n ended it, 127 if
    there is no such command.
    """
    from stepsight._supervisor import supervise
    from stepsight.errors import ConfigError

    try:
        code = supervise(
            list(command),
            experiment_name=experiment,
            parent_run_id=pipeline_run,
            step_name=step,
            dimensions=_parse_dimensions(dimensions),
            endpoint=endpoint,
        )
    except ConfigError as exc:
        click.echo(f"Error: {exc}", err=True)
        code = USAGE_ERROR
    sys.exit(code)


def _parse_dimensions(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise click.BadParameter(f'"{text}" must be KEY=VALUE.', param_hint="--dimension")
        found[key.strip()] = value
    return found
