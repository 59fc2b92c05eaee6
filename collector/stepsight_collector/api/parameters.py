"""Query parameters: text in, checked values out."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from stepsight_collector.api.errors import bad_request

__all__ = ["LEVELS", "minimum_severity", "since", "whole_number"]

# Lowest OTLP severity number of each level. Source: OpenTelemetry logs data model, "Field:
# SeverityNumber".
LEVELS = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
_SECONDS = re.compile(r"\d+(?:\.\d+)?\Z")


def whole_number(parameters: dict[str, str], name: str, *, default: int, maximum: int) -> int:
    """A number from 1 to `maximum`."""
    text = parameters.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= maximum:
        raise bad_request(f'{name} must be a whole number from 1 to {maximum}, got "{text}"')
    return int(text)


def minimum_severity(parameters: dict[str, str]) -> int:
    """The lowest severity number asked for; 0 when none is."""
    level = parameters.get("level", "").lower()
    if level and level not in LEVELS:
        raise bad_request(f'level must be one of {", ".join(LEVELS)}, got "{level}"')
    return LEVELS.get(level, 0)


def since(parameters: dict[str, str], now: datetime | None = None) -> str:
    """The earliest time asked for, as ClickHouse reads it; the epoch when none is."""
    text = parameters.get("since", "")
    if not text:
        return "1970-01-01 00:00:00"
    if _SECONDS.match(text):
        moment = (now or datetime.now(tz=timezone.utc)) - timedelta(seconds=float(text))
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as exc:
            raise bad_request(
                f'since must be seconds back or an ISO 8601 time, got "{text}"'
            ) from exc
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
