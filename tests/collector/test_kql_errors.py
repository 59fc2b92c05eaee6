"""What people get for bad queries: the whole report of each is kept, and read like prose.

A file has blocks: the query, a line `=>`, the report, a line of dashes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepsight_collector.kql.compile import check
from stepsight_collector.kql.report import format_diagnostics
from stepsight_collector.query.catalog import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[1] / "golden" / "kql_errors"
FILES = sorted(FOLDER.glob("*.txt"))
END = "\n" + "-" * 40 + "\n"
# Words of people who write compilers.
JARGON = re.compile(
    r"\b(token|lexer|parser|production|EOF|AST|identifier|literal|operand|syntax|node|invalid|"
    r"illegal|unexpected|rvalue|expr)\b",
    re.IGNORECASE,
)


def queries(path: Path) -> list[str]:
    blocks = path.read_text(encoding="utf-8").removesuffix(END).split(END)
    return [block.partition("\n=>\n")[0] for block in blocks]


def report(query: str) -> str:
    diagnostics, columns = check(query, SCHEMA)
    return "nothing is wrong" if columns is not None else format_diagnostics(query, diagnostics)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bad_query_is_explained(path: Path, golden: Callable[[Path, str], None]) -> None:
    blocks = [f"{query}\n=>\n{report(query)}" for query in queries(path)]

    golden(path, END.join(blocks) + END)


def test_a_hundred_bad_queries_are_kept_each_with_its_report() -> None:
    every = [(query, report(query)) for path in FILES for query in queries(path)]

    assert len({query for query, _ in every}) == len(every) >= 100
    assert [query for query, text in every if not re.match(r"query:\d+:\d+  ", text)] == []


def test_messages_are_free_of_jargon_and_end_without_a_full_stop() -> None:
    for path in FILES:
        for query in queries(path):
            lines = [line for line in report(query).splitlines() if line.startswith("query:")]
            for line in lines:
                message = re.sub(r'"[^"]*"', "", line)
                assert not JARGON.search(message), line
                assert ".." not in message.replace(" .. ", ""), line
                assert len(line) < 320, line
