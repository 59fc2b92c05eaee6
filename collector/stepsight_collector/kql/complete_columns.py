"""The columns at a cursor: those of the table, as the stages before it leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.compile import columns_at
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.parser import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.kql.complete_place import Frame, Place
    from stepsight_collector.kql.schema import Schema
    from stepsight_collector.kql.types import ScalarType

__all__ = ["columns_before", "right_columns"]

# So many stages that are wrong are passed over.
_MAX_TRIED = 5


def columns_before(place: Place, text: str, schema: Schema) -> Mapping[str, ScalarType]:
    """The columns that an expression at the cursor may use; none if that cannot be told."""
    for frame in reversed(place.frames):
        found = _columns_of(place, frame, text, schema) if frame.pipes else None
        if found:
            return found
    return {}


def _columns_of(place: Place, frame: Frame, text: str, schema: Schema) -> Mapping[str, ScalarType]:
    """After the last stage of a frame that can be bound; a broken one is passed over."""
    starts = place.pieces.starts
    statements = text[: starts[place.statement]]
    begin = starts[_begin(place, frame)]
    for pipe in frame.pipes[: -_MAX_TRIED - 1 : -1]:
        found = _bind(statements, text[begin : starts[pipe]], schema)
        if found:
            return found
    return {}


def _begin(place: Place, frame: Frame) -> int:
    """The first piece of a frame's query: of `let name = query` the one behind the sign."""
    texts = place.pieces.texts
    if texts[frame.begin] == "let" and "=" in texts[frame.begin : place.count]:
        return texts.index("=", frame.begin) + 1
    return frame.begin


def _bind(statements: str, query: str, schema: Schema) -> Mapping[str, ScalarType]:
    try:
        script = parse(statements + query)
    except KqlError:
        return {}
    return columns_at(script.statements, script.query.source, script.query.operators, schema)


def right_columns(place: Place, text: str, schema: Schema) -> Mapping[str, ScalarType]:
    """The columns of the right side of the join at whose conditions the cursor stands."""
    frame = place.frames[-1]
    if not frame.pipes:
        return {}
    texts, starts = place.pieces.texts, place.pieces.starts
    begin = frame.pipes[-1] + 2
    while texts[begin + 1] == "=":  # kind=inner
        begin += 3
    if "on" not in texts[begin : place.count]:
        return {}
    end = place.count - 1 - texts[begin : place.count][::-1].index("on")
    return _bind(text[: starts[place.statement]], text[starts[begin] : starts[end]], schema)
