"""Whatever types a query gives them, functions and operators make SQL that the engine takes.

A call either is refused with a diagnostic or runs: over a row of values, one of nulls and one of
odd values. The calls are drawn at random from a fixed seed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from kql_store import compile_kql
from stepsight_collector.kql.aggregate_table import AGGREGATES, SEVERAL
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.functions import FUNCTIONS
from stepsight_collector.kql.functions.table import Formal, Function, formals_of

if TYPE_CHECKING:
    from stepsight_collector.store import Store

ROWS = """datatable(s:string, n:long, i:int, r:real, b:bool, t:datetime, span:timespan, g:guid,
    dec:decimal, d:dynamic, arr:dynamic, bag:dynamic) [
    'a b 1.5', 3, 2, 1.5, true, datetime(2026-01-02 03:04:05), 1h,
    guid(0f8fad5b-d9cb-469f-a165-70867728950e), 1.5, dynamic('x'), dynamic([1, 'a', null]),
    dynamic({'k': 1}),
    '', long(null), int(null), real(null), bool(null), datetime(null), timespan(null), guid(null),
    decimal(null), dynamic(null), dynamic(null), dynamic(null),
    '{"a": [1]}', -9, 0, real(nan), false, datetime(1700-01-01), -5d, guid(null), -3, dynamic(5),
    dynamic([]), dynamic({})]
| serialize
"""
ANY = [
    "s",
    "n",
    "r",
    "t",
    "span",
    "b",
    "d",
    "arr",
    "bag",
    "g",
    "dec",
    "i",
    "5",
    "'x'",
    "1h",
    "now()",
    "dynamic([1])",
    "1.5",
]
COLUMNS = {
    "any": ANY,
    "bag": ["bag", "d", "dynamic({'a': 1})"],
    "bool": ["b", "true", "d"],
    "datetime": ["t", "now()", "d"],
    "dynamic": ["arr", "bag", "d", "dynamic([1, 2])"],
    "long": ["n", "i", "2", "d", "-1"],
    "number": ["n", "r", "i", "dec", "d", "1.5"],
    "real": ["n", "r", "dec", "d"],
    "string": ["s", "'x'", "g", "d"],
    "text": ["s", "n", "r", "t", "span", "b", "d", "g", "'q'", "dec"],
    "timespan": ["span", "1h"],
    "type": ["typeof(long)", "typeof(string)"],
}
CONSTANTS = {
    "any": ["1"],
    "bool": ["true", "false"],
    "long": ["1", "2"],
    "number": ["50", "1.5"],
    "string": ["'year'", "'a(b)'", "'%'", "'yyyy-MM'", "'hh:mm'", "'KB'", "'Europe/Paris'"],
    "text": ["'-'"],
}
OPERATORS = [
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "=~",
    "!~",
    "+",
    "-",
    "*",
    "/",
    "%",
    "has",
    "!has",
    "contains",
    "!contains_cs",
    "startswith",
    "endswith_cs",
    "hasprefix",
    "hassuffix_cs",
    "has_cs",
]


def arguments(function: Function, chance: random.Random) -> str:
    taken: list[str] = []
    for formal in formals_of(function.signature):
        if formal.is_optional and chance.random() < 0.4:
            break
        taken += [_one(formal, chance) for _ in range(2 if formal.is_many else 1)]
    return ", ".join(taken)


def _one(formal: Formal, chance: random.Random) -> str:
    return chance.choice((CONSTANTS if formal.is_constant else COLUMNS)[formal.kind])


def compiles(query: str) -> bool:
    try:
        compile_kql(ROWS + query)
    except KqlError:
        return False
    return True


def run(store: Store, query: str) -> None:
    compiled = compile_kql(ROWS + query)
    store.query(compiled.sql, compiled.parameters)


def run_all(store: Store, operator: str, functions: dict[str, Function]) -> None:
    """Run what compiles of four calls of each function, a dozen calls a query."""
    chance = random.Random(operator)  # noqa: S311 - the same calls each time
    calls = [
        f"{name}({arguments(function, chance)})"
        for name, function in functions.items()
        for _ in "1234"
    ]
    taken = [call for call in calls if compiles(f"| {operator} {call}")]

    assert len(taken) > len(calls) / 3
    for start in range(0, len(taken), 12):
        columns = (f"x{i} = {call}" for i, call in enumerate(taken[start : start + 12]))
        run(store, f"| {operator} {', '.join(columns)}")


def test_functions_run_or_are_refused(kql_store: Store) -> None:
    run_all(kql_store, "project", FUNCTIONS)


def test_aggregates_run_or_are_refused(kql_store: Store) -> None:
    single = {name: each for name, each in AGGREGATES.items() if name not in SEVERAL}

    run_all(kql_store, "summarize", single)


def test_aggregates_of_several_columns_run_or_are_refused(kql_store: Store) -> None:
    chance = random.Random(1)  # noqa: S311 - the same calls each time
    calls = [f"{name}({arguments(AGGREGATES[name], chance)})" for name in SEVERAL for _ in "123"]

    for call in calls:
        if compiles(f"| summarize {call} by i"):
            run(kql_store, f"| summarize {call} by i")


@pytest.mark.parametrize("operator", [*OPERATORS, "in", "!in", "in~", "has_any", "between"])
def test_an_operator_runs_or_is_refused(operator: str, kql_store: Store) -> None:
    chance = random.Random(operator)  # noqa: S311 - the same operands each time
    values = [*ANY, "d.k", "bag.k", "arr[n]", "long(null)", "datetime(9999-12-31)", "true"]
    written: list[str] = []

    for _ in range(60):
        left, right, other = chance.choice(values), chance.choice(values), chance.choice(values)
        listed = {"between": f"({right} .. {other})"}.get(operator, f"({right}, {other})")
        written.append(f"{left} {operator} {right if operator in OPERATORS else listed}")
    taken = [each for each in written if compiles(f"| project x = {each}")][:12]

    assert taken
    run(kql_store, f"| project {', '.join(f'x{i} = {each}' for i, each in enumerate(taken))}")
    if compiles(f"| where {taken[0]}"):
        run(kql_store, f"| where {' or '.join(f'not({each})' for each in taken)}")
