"""Functions on bags: JSON objects, and `customDimensions` and its like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import json_sql, text_sql
from stepsight_collector.kql.functions.elements import array_json, bag_json, elements, pairs
from stepsight_collector.kql.functions.strings import texts_as_json
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS", "distinct_pairs", "packed"]

T = ScalarType


def distinct_pairs(pairs_sql: str) -> str:
    """The pairs without those whose key an earlier one has."""
    keys = f"arrayMap(p -> p.1, {pairs_sql})"
    return f"arrayFilter((p, n) -> n = 1, {pairs_sql}, arrayEnumerateUniq({keys}))"


def packed(items: Iterable[tuple[str, Bound]]) -> Bound:
    """A bag of keys (SQL of a String) and values."""
    parts = []
    for key, value in items:
        sql = f"ifNull({json_sql(value)}, 'null')" if value.is_nullable else json_sql(value)
        parts.append(f"toJSONString({key}), ':', {sql}")
    if not parts:
        return Bound(T.DYNAMIC, "'{}'", is_nullable=False)
    return Bound(T.DYNAMIC, "concat('{', " + ", ',', ".join(parts) + ", '}')", is_nullable=False)


def _pack(call: Invocation) -> Bound:
    if len(call.arguments) % 2:
        message = (
            f"{call.node.name} wants keys and values in turn, found {len(call.arguments)} arguments"
        )
        return call.fail("wrong_arguments", message, f'It is {call.node.name}("key", value, …).')
    keys = (text_sql(each) for each in call.arguments[::2])
    return packed(zip(keys, call.arguments[1::2], strict=True))


def _keys(call: Invocation) -> Bound:
    bag = call.arguments[0]
    if bag.form is Form.MAP:
        return Bound(T.DYNAMIC, texts_as_json(f"mapKeys({bag.sql})"), is_nullable=False)
    text = f"ifNull({json_sql(bag)}, '')"
    keys = texts_as_json(f"JSONExtractKeys({text})")
    return Bound(T.DYNAMIC, f"if(startsWith({text}, '{{'), {keys}, NULL)")


def _merge(call: Invocation) -> Bound:
    joined = f"arrayConcat({', '.join(pairs(each) for each in call.arguments)})"
    return Bound(T.DYNAMIC, bag_json(distinct_pairs(joined)), is_nullable=False)


def _has_key(call: Invocation) -> Bound:
    bag, key = call.arguments
    if bag.form is Form.MAP:
        return Bound(T.BOOL, f"mapContains({bag.sql}, {key.sql})", is_nullable=False)
    return Bound(T.BOOL, f"JSONHas(ifNull({json_sql(bag)}, ''), {key.sql})", is_nullable=False)


def _remove_keys(call: Invocation) -> Bound:
    bag, keys = call.arguments
    names = f"arrayMap(e -> JSONExtractString(e), {elements(keys)})"
    kept = f"arrayFilter(p -> NOT has({names}, p.1), {pairs(bag)})"
    return Bound(T.DYNAMIC, bag_json(kept), is_nullable=False)


def _set_key(call: Invocation) -> Bound:
    bag, key, value = call.arguments
    sql = f"ifNull({json_sql(value)}, 'null')" if value.is_nullable else json_sql(value)
    kept = f"arrayFilter(p -> p.1 != {key.sql}, {pairs(bag)})"
    return Bound(
        T.DYNAMIC, bag_json(f"arrayConcat({kept}, [({key.sql}, {sql})])"), is_nullable=False
    )


def _zip(call: Invocation) -> Bound:
    keys, values = (elements(each) for each in call.arguments)
    pair = f"(JSONExtractString(k), ifNull(arrayElementOrNull({values}, i), 'null'))"
    made = f"arrayMap((k, i) -> {pair}, {keys}, arrayEnumerate({keys}))"
    return Bound(T.DYNAMIC, bag_json(distinct_pairs(made)), is_nullable=False)


def _tree_path(call: Invocation) -> Bound:
    """The paths of a bag, two levels deep; deeper ones are not listed."""
    path = "toJSONString(concat('[''', p.1, '''][''', k, ''']'))"
    below = f"if(startsWith(p.2, '{{'), arrayMap(k -> {path}, JSONExtractKeys(p.2)), [])"
    own = "toJSONString(concat('[''', p.1, ''']'))"
    level = f"arrayMap(p -> arrayConcat([{own}], {below}), {pairs(call.arguments[0])})"
    return Bound(T.DYNAMIC, array_json(f"arrayFlatten({level})"), is_nullable=False)


FUNCTIONS: Final = (
    *alias(
        Function(
            "bag_pack", "key:text, value:any, more?:any*", None, _pack,
            "A bag of keys and values, which take turns.",
            'print bag_pack("a", 1, "b", "x")', 2,
        ),
        "pack", "pack_dictionary",
    ),
    Function(
        "bag_keys", "bag:bag", None, _keys,
        "The keys of a bag, as an array.",
        'print bag_keys(dynamic({"a": 1, "b": 2}))', 3,
    ),
    Function(
        "bag_merge", "bag:bag, other:bag*", None, _merge,
        "One bag of all; of a key in several the first bag's value.",
        'print bag_merge(dynamic({"a": 1}), dynamic({"a": 2, "b": 3}))', 3,
    ),
    Function(
        "bag_has_key", "bag:bag, key:string", None, _has_key,
        "Whether the bag has the key.",
        'print bag_has_key(dynamic({"a": 1}), "a")', 3,
    ),
    Function(
        "bag_remove_keys", "bag:bag, keys:dynamic", None, _remove_keys,
        "The bag without some keys.",
        'print bag_remove_keys(dynamic({"a": 1, "b": 2}), dynamic(["a"]))', 3,
    ),
    Function(
        "bag_set_key", "bag:bag, key:string, value:any", None, _set_key,
        "The bag with a key set to a value.",
        'print bag_set_key(dynamic({"a": 1}), "b", 2)', 3,
    ),
    Function(
        "bag_zip", "keys:dynamic, values:dynamic", None, _zip,
        "A bag of an array of keys and an array of values.",
        'print bag_zip(dynamic(["a", "b"]), dynamic([1, 2]))', 3,
    ),
    Function(
        "treepath", "bag:bag", None, _tree_path,
        "The paths in a bag, as an array of texts.",
        'print treepath(dynamic({"a": {"b": 1}}))', 3, "tree",
        "Lists two levels; arrays are not entered.",
    ),
)  # fmt: skip
