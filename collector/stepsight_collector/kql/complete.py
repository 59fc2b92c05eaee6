"""What fits at the cursor of a query that is being written, however broken it still is.

Pure. Items come in groups, the likeliest first; of each group those that begin with what is typed
stand before those that contain it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.kql import complete_items as items
from stepsight_collector.kql import lexer
from stepsight_collector.kql.complete_columns import columns_before, right_columns
from stepsight_collector.kql.complete_place import Frame, Place, find_place
from stepsight_collector.kql.operator_usage import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.complete_items import Item
    from stepsight_collector.kql.schema import Schema

__all__ = ["Completion", "complete"]

_WORD = re.compile(r"[A-Za-z0-9_$]*")
_OPERATOR_WORD = re.compile(r"\|\s*([a-z]+(?:-[a-z]*)+)$")
_KEY = re.compile(r"[\"'][^\"'\n]*$")
_COLUMNS_ONLY = frozenset({"project-away", "project-keep", "project-reorder", "project-rename"})
_NOTHING_FITS = frozenset({"count", "getschema", "as"})
_NUMBERS = frozenset({"take", "limit", "sample"})


@dataclass(frozen=True, slots=True)
class Completion:
    """What may stand from character `start` up to `end`, which is what is typed already."""

    start: int
    end: int
    items: tuple[Item, ...]


def complete(text: str, position: int, schema: Schema) -> Completion:
    """The completions at `position`, a character offset. Never raises, never reads the store."""
    position = min(max(position, 0), len(text))
    before = text[:position]
    start = _begin(before)
    end = position + _length(text[position:])
    pieces = lexer.split(text[:start])
    place = find_place(pieces, pieces.kinds.index(lexer.END))
    behind = pieces.ends[place.count - 1] if place.count else 0
    if "//" in text[behind:start]:
        return Completion(start, end, ())
    if any(each.span.end == start for each in pieces.diagnostics):
        return _inside_text(text, start, end, position, schema)
    found = _candidates(place, text, schema)
    return Completion(start, end, _matching(found, text[start:position]))


def _begin(before: str) -> int:
    """Where the word that is being typed begins; an operator may have hyphens."""
    operator = _OPERATOR_WORD.search(before)
    if operator:
        return operator.start(1)
    at = len(before)
    while at and _WORD.fullmatch(before[at - 1]):
        at -= 1
    return at


def _length(behind: str) -> int:
    match = _WORD.match(behind)
    return match.end() if match else 0


def _matching(found: Iterable[Item], typed: str) -> tuple[Item, ...]:
    """Those that begin with what is typed, then those that have it inside; each once.

    Less than three letters are inside of nearly everything.
    """
    lower = typed.lower()
    first, then = [], []
    for each in dict.fromkeys(found):
        label = each.label.lower()
        if label.startswith(lower):
            first.append(each)
        elif len(lower) > 2 and lower in label:  # noqa: PLR2004 - as said above
            then.append(each)
    return tuple(first + then)


def _inside_text(text: str, start: int, end: int, position: int, schema: Schema) -> Completion:
    """Inside of quotes only a key fits: `customDimensions["…`."""
    opening = _KEY.search(text[:position])
    if opening is None:
        return Completion(start, end, ())
    pieces = lexer.split(text[: opening.start()])
    place = find_place(pieces, pieces.kinds.index(lexer.END))
    keys: Iterable[Item] = ()
    if place.last() == "[":
        keys = items.keys_of(place.last(2), schema, is_quoted=True)
    start = opening.start() + 1
    return Completion(start, end, _matching(keys, text[start:position]))


def _candidates(place: Place, text: str, schema: Schema) -> Iterable[Item]:
    last = place.last()
    if last == ".":
        return _members(place, text, schema)
    if last in {"typeof", ":"} or (last == "(" and place.last(2) == "typeof"):
        return items.TYPES
    if last == "|":
        return items.OPERATORS
    if place.begins_query():
        begins = place.count == 0 or last == ";"
        known = [*items.tables(schema), *items.variables(place.pieces, place.count), *items.SOURCES]
        return (*known, *(items.STATEMENTS if begins else items.functions()))
    frame = place.pipe_frame() or place.frames[0]
    return _in_operator(place, frame, text, schema)


def _members(place: Place, text: str, schema: Schema) -> Iterable[Item]:
    target = place.last(2)
    if target == "$right":
        return items.columns(right_columns(place, text, schema), schema)
    if target == "$left":
        return items.columns(columns_before(place, text, schema), schema)
    return items.keys_of(target, schema)


def _in_operator(place: Place, frame: Frame, text: str, schema: Schema) -> Iterable[Item]:
    operator = place.operator(frame)
    words = place.stage(frame)
    inside = place.frames[-1] is not frame
    fixed = _fixed(place, operator, words, inside=inside)
    if fixed is not None:
        return fixed
    if place.last_kind() == lexer.NAME and words == [place.last()]:
        return _operand(place, operator, words, text, schema, begins=True)
    if _is_behind_value(place, operator):
        return _behind_value(operator, inside=inside)
    return _operand(place, operator, words, text, schema, begins=False)


def _fixed(place: Place, operator: str, words: list[str], *, inside: bool) -> Iterable[Item] | None:
    """One of a few words, where nothing else fits; None where more may stand."""
    options = items.OPTION_VALUES.get(operator, {})
    if place.last() == "=" and place.last(2) in options:
        return items.values(options[place.last(2)])
    if inside:
        return None
    if operator == "" and words[:1] != ["let"]:
        return items.PIPE  # behind a table's name
    return () if operator in _NOTHING_FITS else items.FIXED.get(operator)


def _is_behind_value(place: Place, operator: str) -> bool:
    """Whether the piece before the cursor ends a value, so that an operator follows."""
    kind, text = place.last_kind(), place.last()
    if kind in {lexer.STRING, lexer.NUMBER, lexer.TIMESPAN, lexer.TYPED} or text in {")", "]"}:
        return True
    if kind != lexer.NAME or text in items.INFIX_WORDS:
        return False
    if text in {"asc", "desc", "first", "last"}:
        return True
    is_operator = operator.endswith(text) and place.last(2) in {"|", "-", ""}
    return not is_operator and text not in items.CONTINUING


def _behind_value(operator: str, *, inside: bool) -> Iterable[Item]:
    infix = () if operator in _COLUMNS_ONLY or operator in SOURCES else items.INFIX
    own = () if inside else items.BEHIND.get(operator, ())
    return (*own, *infix)


def _operand(
    place: Place, operator: str, words: list[str], text: str, schema: Schema, *, begins: bool
) -> Iterable[Item]:
    """What may begin a value, or an option of the operator."""
    options = items.BEGINNING.get(operator, ()) if begins else ()
    known = items.variables(place.pieces, place.count)
    if _wants_table(place, operator, words):
        return (*options, *items.tables(schema), *known)
    if operator in _NUMBERS:
        return known
    if place.last() == "(" and place.last(2) == "ago":
        return (*items.SPANS, *known)
    columns = items.columns(columns_before(place, text, schema), schema)
    if operator in _COLUMNS_ONLY:
        return columns
    if operator in {"join", "lookup"}:
        return (*columns, *items.SIDES)
    aggregates = items.aggregates() if items.takes_aggregates(operator, words) else ()
    return (*options, *aggregates, *columns, *known, *items.functions())


def _wants_table(place: Place, operator: str, words: list[str]) -> bool:
    if operator in {"join", "lookup"}:
        return "on" not in words
    in_list = place.frames[-1].before == "in" and operator in {"search", "find"}
    return operator == "union" or in_list
