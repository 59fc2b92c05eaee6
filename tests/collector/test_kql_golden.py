"""KQL as people write it, with the rows that the language's documentation promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kql_store import load_cases, run_kql
from stepsight_collector.kql import syntax
from stepsight_collector.kql.operators.output import REFUSED
from stepsight_collector.kql.operators.plugins import PLUGINS
from stepsight_collector.kql.parser import parse
from stepsight_collector.kql.pipeline import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kql_store import Case
    from stepsight_collector.store import Store

GOLDEN = Path(__file__).parent.parent / "golden" / "kql"
CASES = {
    f"{path.stem}:{case.line} {case.claim}": case
    for path in sorted(GOLDEN.glob("*.kql"))
    for case in load_cases(path)
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_query_gives_what_is_documented(case: Case, kql_store: Store) -> None:
    result = run_kql(kql_store, case.query)

    assert result.columns == case.expected.columns
    if case.is_ordered:
        assert result.rows == case.expected.rows
    else:
        assert sorted(result.rows, key=_key) == sorted(case.expected.rows, key=_key)


def _key(row: list[Any]) -> str:
    return json.dumps(row, sort_keys=True)


def test_every_operator_has_golden_queries() -> None:
    found: set[type] = set()
    plugins: set[str] = set()
    for case in CASES.values():
        for node in _nodes(parse(case.query)):
            found.add(type(node))
            if isinstance(node, syntax.Evaluate):
                plugins.add(node.plugin.name)

    assert set(OPERATORS) - set(REFUSED) - found == set()
    assert set(PLUGINS) - plugins == set()


def _nodes(node: object) -> Iterator[object]:
    """A node and all below it."""
    yield node
    children = node if isinstance(node, tuple) else _fields(node)
    for child in children:
        yield from _nodes(child)


def _fields(node: object) -> list[object]:
    return [getattr(node, each) for each in getattr(node, "__dataclass_fields__", ())]
