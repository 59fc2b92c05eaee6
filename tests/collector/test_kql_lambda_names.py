"""A column may be called what our own SQL calls the variable of a lambda expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kql_store import run_kql
from stepsight_collector.kql.lambda_names import rename_variables

if TYPE_CHECKING:
    from stepsight_collector.store import Store

VARIABLES = ("a", "b", "c", "e", "g", "i", "k", "kv", "m", "n", "p", "v", "w", "x", "y")
# {0} and {1} are columns.
QUERIES = {
    "array_iff": "print {0} = 5, {1} = 6 | project r = array_iff(dynamic([true, false]), {0}, {1})",
    "array_iff of arrays": (
        "print {0} = dynamic([1, 0]), {1} = dynamic([7, 8]) | project r = array_iff({0}, {1}, 9)"
    ),
    "set_difference": (
        "print {0} = dynamic([1, 2]), {1} = dynamic([2]) | project r = set_difference({0}, {1})"
    ),
    "set_has_element": (
        "print {0} = dynamic([1, 2]), {1} = 2 | project r = set_has_element({0}, {1})"
    ),
    "bag_remove_keys": (
        "print {0} = dynamic({{'s': 1, 't': 2}}), {1} = dynamic(['t']) "
        "| project r = tostring(bag_remove_keys({0}, {1}))"
    ),
    "bag_set_key": (
        "print {0} = dynamic({{'s': 1}}), {1} = 't' "
        "| project r = tostring(bag_set_key({0}, {1}, 2))"
    ),
    "series_fill_const": (
        "print {0} = dynamic([1, null, 3]), {1} = 8.0 | project r = series_fill_const({0}, {1})"
    ),
    "series_add": (
        "print {0} = dynamic([1, 2]), {1} = dynamic([10, 20]) | project r = series_add({0}, {1})"
    ),
    "translate": (
        "print {0} = 'ab', {1} = 'cab' | project r = strcat(translate('ab', 'xy', {1}), {0})"
    ),
    "countof": "print {0} = 'aXbXX', {1} = 'X' | project r = countof({0}, {1})",
    "has_any": "print {0} = 'one two', {1} = 'two' | project r = {0} has_any ('three', {1})",
    "array_index_of": (
        "print {0} = dynamic([4, 5, 6]), {1} = 6 | project r = array_index_of({0}, {1})"
    ),
    "array_slice": "print {0} = dynamic([4, 5, 6]), {1} = 1 | project r = array_slice({0}, {1}, 2)",
    "split": (
        "print {0} = 'a-b', {1} = '-' | project r = array_concat(split({0}, '-'), pack_array({1}))"
    ),
    "zip": (
        "print {0} = dynamic([1, 2]), {1} = dynamic([3, 4]) | project r = tostring(zip({0}, {1}))"
    ),
    "repeat": "print {0} = 3, {1} = 2 | project r = repeat({0}, {1})",
    "range": "print {0} = 1, {1} = 4 | project r = range({0}, {1}, 2)",
    "mv-expand": "print {0} = dynamic([1, 2]), {1} = 5 | mv-expand {0} | project r = {1}, {0}",
    "parse-kv": (
        "print {0} = 's=1,t=2', {1} = 3 "
        "| parse-kv {0} as (s: long, t: long) with (pair_delimiter=',', kv_delimiter='=') "
        "| project r = s + t + {1}"
    ),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_no_name_of_a_column_is_captured(kql_store: Store, query: str) -> None:
    expected = run_kql(kql_store, query.format("long_name", "other_name")).rows

    for number, name in enumerate(VARIABLES):
        other = VARIABLES[number - 1]
        assert run_kql(kql_store, query.format(name, other)).rows == expected, (name, other)


def test_what_is_quoted_or_called_keeps_its_name() -> None:
    sql = "SELECT arrayMap((e, i) -> e(e.1, i[1], `e`, 'e -> x'), x), l.`e` FROM t"

    assert rename_variables(sql) == (
        "SELECT arrayMap((`~~e`, `~~i`) -> e(`~~e`.1, `~~i`[1], `e`, 'e -> x'), x), l.`e` FROM t"
    )
