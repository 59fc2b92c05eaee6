"""What a SQL builder would add to the time that a query takes to compile.

Usage: pip install sqlglot; python bench/sql_builder.py

Compiles the golden queries, and lets sqlglot write the same SQL from its own tree, which is the
least that building with it costs: making the tree is left out. CPU time, best of three. The
decision that rests on it: docs/adr/0003-kql-to-sql-text.md.
"""

from __future__ import annotations

import statistics
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from stepsight_collector.kql.compile import compile_query
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.query.catalog import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from kql_store import load_cases  # noqa: E402 - a test's support, which is not installed

NOW_TICKS = 638_000_000_000_000_000


def best_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds, the least of three."""
    spent = []
    for _ in range(3):
        before = time.process_time()
        work()
        spent.append((time.process_time() - before) * 1e3)
    return min(spent)


def line(name: str, spent_ms: list[float]) -> str:
    """Median and 95th percentile."""
    p95 = sorted(spent_ms)[int(0.95 * (len(spent_ms) - 1))]
    return f"{name:32} p50 {statistics.median(spent_ms):.2f} ms, p95 {p95:.2f} ms"


def compiled(query: str) -> str:
    """A query's SQL."""
    return compile_query(query, SCHEMA, project="p", now_ticks=NOW_TICKS).sql


def main() -> None:
    """Measure and print."""
    sqlglot = import_module("sqlglot")
    compiling, writing, too_deep = [], [], 0
    for path in sorted((ROOT / "tests" / "golden" / "kql").glob("*.kql")):
        for case in load_cases(path):
            try:
                tree = sqlglot.parse_one(compiled(case.query), read="clickhouse")
            except KqlError:  # a golden query with parameters that have no default
                continue
            except RecursionError:
                too_deep += 1
                continue
            compiling.append(best_ms(partial(compiled, case.query)))
            writing.append(best_ms(partial(tree.sql, dialect="clickhouse")))
    print(f"{len(compiling)} golden queries, sqlglot {sqlglot.__version__}; {too_deep} too deep")
    print(line("KQL text to SQL text, all of it", compiling))
    print(line("sqlglot, its tree to SQL text", writing))


if __name__ == "__main__":
    main()
