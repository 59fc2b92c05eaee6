"""`stepsight artifacts`: the images, documents and files of a run, and how to get one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from stepsight._cli.errors import CliError
from stepsight._cli.fields import ARTIFACT_FIELDS
from stepsight._cli.options import api_option, format_option, make_api, run_argument
from stepsight._cli.output import print_rows
from stepsight._cli.progress import progress
from stepsight._cli.table import Column, print_table
from stepsight._cli.text import clock, one_line, size

__all__ = ["artifacts_command"]


def _where(row: dict[str, Any]) -> str:
    if row["artifact_id"]:
        return "here"
    return one_line(row["path"] or row["omitted"] or "")


_COLUMNS = (
    Column("STEP", lambda row: row["step_name"] or row["step_id"], shrinks=True),
    Column("NAME", lambda row: one_line(row["name"] or "")),
    Column("KIND", lambda row: row["kind"] or ""),
    Column("SIZE", lambda row: size(row["size_bytes"]), right=True),
    Column("AT", lambda row: clock(row["timestamp"]), spare=1),
    Column("WHERE", _where, shrinks=True),
)


@click.command("artifacts")
@run_argument
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    help="Where the content goes; - is standard output. Default: a file of the same name.",
)
@format_option()
@api_option
def artifacts_command(
    *, run: str, name: str | None, output: str | None, form: str, api: str | None
) -> None:
    """List or fetch a run's images and files.

    RUN is an id or the beginning of one, a name, @last or @last-failed. With NAME the content of
    the last image or document of that name is written to a file, which must not exist yet.
    """
    if name is None and output is not None:
        raise click.UsageError("--output needs the NAME of what to write there.")
    client = make_api(api)
    with progress("Asking the collector for artifacts"):
        answer = client.get("runs", run, "artifacts")
    rows = answer["artifacts"]
    if name is not None:
        artifact = _chosen(rows, name, answer["run"]["run_id"])
        with progress("Fetching it"):
            data = client.content(
                "runs", answer["run"]["run_id"], "artifacts", artifact["artifact_id"], "content"
            )
        _write(data, output or Path(artifact["name"]).name)
    elif form != "table":
        print_rows(rows, form, ARTIFACT_FIELDS)
    elif rows:
        print_table(rows, _COLUMNS)
    else:
        click.echo("No images, documents or files: run.log_image and run.upload_file make some.")


def _chosen(rows: list[dict[str, Any]], name: str, run_id: str) -> dict[str, Any]:
    named = [row for row in rows if row["name"] == name]
    if not named:
        raise CliError(
            f'run {run_id} has nothing named "{name}".', f"stepsight artifacts {run_id} lists it."
        )
    stored = [row for row in named if row["artifact_id"]]
    if not stored:
        place = named[-1]["path"]
        raise CliError(
            f'of "{name}" only name, size and digest are kept, not its content.',
            f"It lay at {place} on the step's machine." if place else "",
        )
    return stored[-1]


def _write(data: bytes, target: str) -> None:
    if target == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        with Path(target).open("xb") as file:
            file.write(data)
    except FileExistsError as exc:
        raise CliError(
            f"the file {target} exists already.", "--output FILE names another."
        ) from exc
    except OSError as exc:
        raise CliError(f"the file {target} cannot be written: {exc.strerror}.", "") from exc
    click.echo(f"wrote {target}, {size(len(data))}")
