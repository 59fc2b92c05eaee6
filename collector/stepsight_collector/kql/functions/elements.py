"""JSON arrays and bags as the engine's arrays, and back: what the functions on dynamics share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.conversions import json_sql

if TYPE_CHECKING:
    from stepsight_collector.kql.scope import Bound

__all__ = [
    "array_json",
    "bag_json",
    "elements",
    "is_array",
    "none_unless_array",
    "numbers",
    "pairs",
]


def elements(array: Bound) -> str:
    """The elements of an array as JSON texts, Array(String); none if it is no array."""
    return f"JSONExtractArrayRaw({_sure(array)})"


def numbers(array: Bound) -> str:
    """The elements of an array as numbers, Array(Nullable(Float64))."""
    return f"arrayMap(e -> toFloat64OrNull(e), {elements(array)})"


def pairs(bag: Bound) -> str:
    """A bag's keys and values, Array(Tuple(String, String)), the values as JSON texts."""
    return f"JSONExtractKeysAndValuesRaw({_sure(bag)})"


def _sure(value: Bound) -> str:
    sql = json_sql(value)
    return f"ifNull({sql}, '')" if value.is_nullable else sql


def is_array(array: Bound) -> str:
    """Whether a dynamic is an array; false when it is null."""
    return f"startsWith({_sure(array)}, '[')"


def none_unless_array(array: Bound, sql: str) -> str:
    """NULL where the dynamic is no array."""
    return f"if({is_array(array)}, {sql}, NULL)"


def array_json(texts: str) -> str:
    """An Array(String) of JSON texts as the JSON text of the array."""
    return f"concat('[', arrayStringConcat({texts}, ','), ']')"


def bag_json(pairs_sql: str) -> str:
    """Keys and JSON values as the JSON text of the bag."""
    each = f"arrayMap(p -> concat(toJSONString(p.1), ':', p.2), {pairs_sql})"
    return f"concat('{{', arrayStringConcat({each}, ','), '}}')"
