"""Compiles and runs KQL on a store, for tests; and golden cases in files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kql_data import NOW, PROJECT
from stepsight_collector.kql.compile import compile_query
from stepsight_collector.query.catalog import SCHEMA
from stepsight_collector.query.values import RowWriter

if TYPE_CHECKING:
    from pathlib import Path

    from stepsight_collector.kql.plan import Compiled
    from stepsight_collector.store import Store

__all__ = ["NOW_TICKS", "Case", "Table", "compile_kql", "load_cases", "run_kql"]

# The now() of every golden case: noon of 12 March 2025.
NOW_TICKS = int((NOW - datetime(1, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000

_CLAIM, _ARROW = "// ", "=>"


@dataclass(frozen=True, slots=True)
class Table:
    """A result: `name:type` of each column, and rows."""

    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """A claim, a query, and the table that it must give; `line` is where it begins."""

    claim: str
    query: str
    expected: Table
    is_ordered: bool
    line: int


def compile_kql(query: str, **options: Any) -> Compiled:
    """Compile for the golden project and time."""
    return compile_query(query, SCHEMA, project=PROJECT, now_ticks=NOW_TICKS, **options)


def run_kql(store: Store, query: str, **options: Any) -> Table:
    """The result of a query, with values as the own API gives them."""
    compiled = compile_kql(query, **options)
    answer = store.query(compiled.sql, compiled.parameters)
    writer = RowWriter(compiled.columns, "own")
    lines = [json.dumps(_quote_decimals(compiled, row)).encode() for row in answer.rows]
    rows = json.loads(b"[" + writer.write(lines) + b"]") if lines else []
    return Table([f"{each.name}:{each.type}" for each in compiled.columns], rows)


def _quote_decimals(compiled: Compiled, row: list[Any]) -> list[Any]:
    """The row as a stream gives it, where decimals are texts."""
    return [
        str(value) if column.type == "decimal" and value is not None else value
        for column, value in zip(compiled.columns, row, strict=True)
    ]


def load_cases(path: Path) -> list[Case]:
    """The cases of a file.

    A case is `// claim`, the query, `=>`, a line with the columns, and a line of JSON for each row.
    The rows of a case whose claim ends in "(in order)" must come in this order.
    """
    cases: list[Case] = []
    blocks: list[tuple[int, list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith(_CLAIM) and (not blocks or _ARROW in blocks[-1][1]):
            blocks.append((number, []))
        if line.strip():
            blocks[-1][1].append(line)
    for number, block in blocks:
        at = block.index(_ARROW)
        columns = [each.strip() for each in block[at + 1].split(",")]
        rows = [json.loads(line) for line in block[at + 2 :]]
        claim = block[0].removeprefix(_CLAIM)
        is_ordered = claim.endswith("(in order)")
        query = "\n".join(block[1:at])
        cases.append(Case(claim, query, Table(columns, rows), is_ordered, number))
    return cases
