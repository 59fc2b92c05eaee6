"""Functions on arrays as sets, and `zip`: the elements keep their order, repetitions go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import json_sql
from stepsight_collector.kql.functions.elements import (
    array_json,
    elements,
)
from stepsight_collector.kql.functions.table import Function
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType


def _json(value: Bound) -> str:
    """A value as JSON text, `null` where it is null."""
    return f"ifNull({json_sql(value)}, 'null')" if value.is_nullable else json_sql(value)


def _zip(call: Invocation) -> Bound:
    arrays = [elements(each) for each in call.arguments]
    size = f"arrayMax([{', '.join(f'length({each})' for each in arrays)}])"
    parts = ", ".join(f"ifNull(arrayElementOrNull({each}, i), 'null')" for each in arrays)
    each = f"arrayMap(i -> {array_json(f'[{parts}]')}, range(1, toUInt64({size} + 1)))"
    return Bound(T.DYNAMIC, array_json(each), is_nullable=False)


def _set(engine: str) -> Callable[[Invocation], Bound]:
    def emit(call: Invocation) -> Bound:
        arrays = [elements(each) for each in call.arguments]
        if engine == "difference":
            others = f"arrayConcat({', '.join(arrays[1:])})" if arrays[1:] else "[]"
            joined = f"arrayFilter(e -> NOT has({others}, e), {arrays[0]})"
        elif engine == "union":
            joined = f"arrayConcat({', '.join(arrays)})"
        else:
            tests = " AND ".join(f"has({each}, e)" for each in arrays[1:]) or "1"
            joined = f"arrayFilter(e -> {tests}, {arrays[0]})"
        return Bound(T.DYNAMIC, array_json(_distinct(joined)), is_nullable=False)

    return emit


def _distinct(array: str) -> str:
    """The elements without repetition, in their order."""
    return f"arrayFilter((e, n) -> n = 1, {array}, arrayEnumerateUniq({array}))"


def _has_element(call: Invocation) -> Bound:
    array, value = call.arguments
    return Bound(T.BOOL, f"has({elements(array)}, {_json(value)})", is_nullable=False)


def _set_equals(call: Invocation) -> Bound:
    one, other = (f"arraySort(arrayDistinct({elements(each)}))" for each in call.arguments)
    return Bound(T.BOOL, f"({one} = {other})", is_nullable=False)


def _jaccard(call: Invocation) -> Bound:
    one, other = (f"arrayDistinct({elements(each)})" for each in call.arguments)
    shared = f"length(arrayIntersect({one}, {other}))"
    every = f"length(arrayDistinct(arrayConcat({one}, {other})))"
    return Bound(T.REAL, f"({shared} / {every})", is_nullable=False)


FUNCTIONS: Final = (
    Function(
        "zip", "array:dynamic*", None, _zip,
        "For each place an array of the elements that the arrays have there.",
        "print zip(dynamic([1, 2]), dynamic([3, 4]))", 3,
    ),
    Function(
        "set_union", "array:dynamic*", None, _set("union"),
        "The elements that are in any of the arrays, each once.",
        "print set_union(dynamic([1, 2]), dynamic([2, 3]))", 2,
    ),
    Function(
        "set_intersect", "array:dynamic*", None, _set("intersect"),
        "The elements that are in all of the arrays, each once.",
        "print set_intersect(dynamic([1, 2]), dynamic([2, 3]))", 2,
    ),
    Function(
        "set_difference", "array:dynamic*", None, _set("difference"),
        "The elements of the first array that are in none of the others, each once.",
        "print set_difference(dynamic([1, 2]), dynamic([2, 3]))", 2,
    ),
    Function(
        "set_has_element", "array:dynamic, value:any", None, _has_element,
        "Whether the array has the value.",
        "print set_has_element(dynamic([1, 2]), 2)", 2,
    ),
    Function(
        "set_equals", "one:dynamic, other:dynamic", None, _set_equals,
        "Whether two arrays have the same elements.",
        "print set_equals(dynamic([1, 2]), dynamic([2, 1]))", 3,
    ),
    Function(
        "jaccard_index", "one:dynamic, other:dynamic", None, _jaccard,
        "The share of elements that two arrays have in common.",
        "print jaccard_index(dynamic([1, 2]), dynamic([2, 3]))", 3,
    ),
)  # fmt: skip
