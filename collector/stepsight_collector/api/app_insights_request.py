"""What a client of Azure Monitor's query API asks for: its forms in, one question out.

Source: Azure Monitor, "Request format", "Prefer options", "Timeouts"; RFC 7240.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from stepsight_collector.api.app_insights_errors import bad_argument
from stepsight_collector.query.ask import Question
from stepsight_collector.query.timespan import TimespanError, both, parse_timespan

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Asked", "Preferences", "read_preferences", "read_question"]

# Further resources that a query is to read, by the API that they are named in.
_OTHERS = ("workspaces", "applications", "resources")
_TRUE = "true"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the header `Prefer` asks for; what it has beside these is let go, as RFC 7240 says."""

    wait_s: float | None = None
    statistics: bool = False
    render: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the ids of further resources that it is to be asked of."""

    question: Question
    others: tuple[str, ...] = ()


def read_preferences(header: str) -> Preferences:
    """Read the header; several of them are one with commas.

    >>> read_preferences("wait=30, include-statistics=true,ai.response-thinning=false")
    Preferences(wait_s=30.0, statistics=True, render=False)
    """
    pairs = (part.partition("=") for part in header.replace(";", ",").split(","))
    given = {name.strip().lower(): value.strip().strip('"').lower() for name, _, value in pairs}
    wait = given.get("wait", "")
    return Preferences(
        wait_s=float(wait) if wait.isdecimal() and 0 < len(wait) < 10 and int(wait) else None,  # noqa: PLR2004 - 30 years
        statistics=given.get("include-statistics") == _TRUE,
        render=given.get("include-render") == _TRUE,
    )


def read_question(
    parameters: Mapping[str, str], body: Mapping[str, Any] | None, now_ticks: int
) -> Asked:
    """Read the query string and, of a POST, the body; a timespan in both holds twice.

    Raises AzureError.
    """
    text = (body or {}).get("query") or parameters.get("query")
    if not isinstance(text, str) or not text:
        raise bad_argument(
            "MissingQuery", 'The request has no "query": give the text of the query, as a string.'
        )
    spans: list[tuple[int, int | None] | None] = [
        _timespan(source.get("timespan"), now_ticks)
        for source in (parameters, body or {})
        if source.get("timespan") not in {None, ""}
    ]
    timespan = reduce(both, spans, None)
    others = [*_named(parameters), *_named(body or {})]
    return Asked(Question(text, timespan), tuple(others))


def _timespan(given: Any, now_ticks: int) -> tuple[int, int | None]:
    if not isinstance(given, str):
        raise bad_argument("InvalidTimespan", f"The timespan must be a text, got {given!r:.80}.")
    try:
        return parse_timespan(given, now_ticks)
    except TimespanError as exc:
        raise bad_argument("InvalidTimespan", f"{exc}.") from exc


def _named(source: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name in _OTHERS:
        given = source.get(name)
        if isinstance(given, str):
            given = [each.strip() for each in given.split(",") if each.strip()]
        if given is not None and not (
            isinstance(given, list) and all(isinstance(each, str) for each in given)
        ):
            raise bad_argument("InvalidResources", f'"{name}" must be a list of ids.')
        found += given or ()
    return found
