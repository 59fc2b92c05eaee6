"""Rows from the engine's JSON to the JSON of an answer, by the columns' types.

Two styles: *own*, where a dynamic is the JSON value itself, and *azure*, as Azure Monitor's query
API gives values, where it is a text. Pure: bytes in, bytes out, so that no answer is ever held as
Python objects as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import orjson

from stepsight_collector.query.times import format_timespan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepsight_collector.kql.plan import ResultColumn

    Change = Callable[[Any], Any]

__all__ = ["RowWriter", "Style"]

Style = Literal["own", "azure"]

# The engine's words, and those of JSON's usual extension, which KQL's services send as texts.
_NON_FINITE = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_TICK_CHARS = len("2026-11-25T01:02:03.1234567")


class RowWriter:
    """Writes rows of these columns. An engine's row is a JSON array in the columns' order."""

    def __init__(self, columns: Sequence[ResultColumn], style: Style) -> None:
        changes = [(index, _change(column, style)) for index, column in enumerate(columns)]
        self._changes = [(index, change) for index, change in changes if change is not None]

    def write(self, lines: Sequence[bytes]) -> bytes:
        """Return the rows with commas between them; `lines` has at least one."""
        rows = orjson.loads(b"[" + b",".join(lines) + b"]")
        for index, change in self._changes:
            for row in rows:
                value = row[index]
                if value is not None:
                    row[index] = change(value)
        return orjson.dumps(rows)[1:-1]


def _change(column: ResultColumn, style: Style) -> Change | None:
    """Return what is done with a column's values that are not null; None is nothing."""
    if column.type == "dynamic":
        return _DYNAMIC[style].get(column.form, _DYNAMIC[style]["json"])
    if column.type == "decimal" and style == "own":
        return _exact_number
    return _SCALARS.get(column.type)


def _datetime(text: str) -> str:
    """Cut `2026-11-25T01:02:03.123456789Z` to the ticks that KQL knows."""
    return text[:_TICK_CHARS] + "Z" if len(text) > _TICK_CHARS else text


def _real(value: float | str) -> float | str:
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def _exact_number(text: str) -> orjson.Fragment:
    """Write a decimal as a number, with every digit that it has."""
    return orjson.Fragment(text)


def _json(text: str) -> orjson.Fragment | str:
    """Put JSON text into the answer as it is; what is no JSON stays a text."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return orjson.Fragment(text)


def _json_text(text: str) -> str | None:
    """Return JSON text, but a string's own text and no text for null."""
    if text[:1] != '"':
        return None if text == "null" else text
    try:
        value: str = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value


def _map_text(value: dict[str, str]) -> str:
    return orjson.dumps(value).decode()


_SCALARS: dict[str, Change] = {
    "bool": bool,
    "datetime": _datetime,
    "real": _real,
    "timespan": format_timespan,
}
_DYNAMIC: dict[Style, dict[str, Change | None]] = {
    "own": {"json": _json, "map": None, "text": None},
    "azure": {"json": _json_text, "map": _map_text, "text": None},
}
