"""Every row of docs/reference/kql.md has a query with expected rows that uses it."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kql_store import load_cases
from stepsight_collector.kql import parser, syntax
from stepsight_collector.kql.aggregate_table import AGGREGATES
from stepsight_collector.kql.compile import check
from stepsight_collector.kql.expression_usage import EXPRESSIONS, FORMS
from stepsight_collector.kql.functions import FUNCTIONS
from stepsight_collector.kql.operator_usage import SOURCES, STATEMENTS, USAGES
from stepsight_collector.kql.operators.plugins import PLUGINS
from stepsight_collector.query.catalog import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent.parent / "golden" / "kql"
# Nodes whose name is not that of their operator.
STATEMENT_NAMES = {"Let": "let", "SetOption": "set", "Declare": "declare"}
OTHER_NAMES = {"DataTable": "datatable", "GetSchema": "getschema"}


def nodes(value: Any) -> Iterator[Any]:
    """Every node of a tree."""
    if isinstance(value, tuple):
        for each in value:
            yield from nodes(each)
    elif dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from nodes(getattr(value, field.name))


def operator_name(kind: str) -> str:
    """`ProjectAway` as it is written: `project-away`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower()


@cache
def used() -> frozenset[tuple[str, str]]:
    """What all golden queries use: (kind, name)."""
    found: set[tuple[str, str]] = set()
    for path in GOLDEN.glob("*.kql"):
        for case in load_cases(path):
            for node in nodes(parser.parse(case.query)):
                found |= set(names_of(node))
    return frozenset(found)


def names_of(node: Any) -> Iterator[tuple[str, str]]:
    kind = type(node).__name__
    if isinstance(node, syntax.Call):
        yield "call", node.name
    elif isinstance(node, (syntax.Binary, syntax.In)):
        yield "expression", node.operator
    elif isinstance(node, syntax.Between):
        yield "expression", "!between" if node.is_negated else "between"
    elif isinstance(node, syntax.Evaluate):
        yield "plugin", node.plugin.name
        yield "operator", "evaluate"
    elif isinstance(node, syntax.Parse) and node.drops_others:
        yield "operator", "parse-where"
    else:
        name = STATEMENT_NAMES.get(kind) or OTHER_NAMES.get(kind) or operator_name(kind)
        yield "operator", name


# Spellings of the same node.
SAME = {"sort": "order", "limit": "take"}
OPERATORS = [SAME.get(name, name) for name in (*USAGES, *SOURCES, *STATEMENTS)]


@pytest.mark.parametrize("name", sorted(set(OPERATORS)))
def test_every_operator_has_a_golden_query(name: str) -> None:
    assert ("operator", name) in used()


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_every_operator_of_expressions_has_a_golden_query(name: str) -> None:
    assert ("expression", name) in used()


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *AGGREGATES, *FORMS}))
def test_every_function_has_a_golden_query(name: str) -> None:
    assert ("call", name) in used()


@pytest.mark.parametrize("name", sorted(FORMS))
def test_the_example_of_a_form_compiles(name: str) -> None:
    assert check(FORMS[name].example, SCHEMA)[0] == ()


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_every_plugin_has_a_golden_query(name: str) -> None:
    assert ("plugin", name) in used()


def test_there_are_at_least_300_golden_queries() -> None:
    assert sum(len(load_cases(path)) for path in GOLDEN.glob("*.kql")) >= 300


def test_every_operator_of_expressions_that_golden_queries_use_is_documented() -> None:
    assert {name for kind, name in used() if kind == "expression"} <= set(EXPRESSIONS)
