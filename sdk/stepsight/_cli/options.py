"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.api import Api
from stepsight._cli.output import FORMATS
from stepsight._settings import load_settings
from stepsight.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["api_option", "format_option", "make_api", "run_argument"]

api_option = click.option(
    "--api",
    metavar="URL",
    help="Where to read: the collector's UI port. [STEPSIGHT_API] (default http://127.0.0.1:8050)",
)

run_argument = click.argument("run", metavar="RUN")


def format_option(*more: str) -> Callable[[Any], Any]:
    """`--format`, with formats beyond the usual ones if `more` names them."""
    return click.option(
        "--format",
        "form",
        type=click.Choice([*FORMATS, *more]),
        default="table",
        show_default=True,
        help="A table for people, or rows for programs.",
    )


def make_api(url: str | None) -> Api:
    """The API at `--api`, else where the settings say."""
    try:
        settings = load_settings({"api": url})
    except ConfigError as exc:
        message = str(exc)
        if url is not None and message.startswith("api must"):
            message = f"--{message.partition('. Unset')[0]}."
        raise click.UsageError(message) from exc
    return Api(settings.api.rstrip("/"), settings.token)
