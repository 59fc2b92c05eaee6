"""The page of what KQL is spoken, made of the compiler's own tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stepsight_collector.kql.aggregate_table import AGGREGATES
from stepsight_collector.kql.expression_usage import DIFFERENCES, EXPRESSIONS, FORMS
from stepsight_collector.kql.functions import FUNCTIONS
from stepsight_collector.kql.functions.refused import REFUSED
from stepsight_collector.kql.functions.table import formals_of
from stepsight_collector.kql.operator_usage import SOURCES, STATEMENTS, USAGES
from stepsight_collector.kql.operators.differences import DIFFERENCES as OPERATOR_DIFFERENCES
from stepsight_collector.kql.operators.plugins import PLUGINS
from stepsight_collector.kql.parser_operators import CHARTS
from stepsight_collector.kql.parser_refusals import OPERATORS as REFUSED_OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from stepsight_collector.kql.functions.table import Formal, Function
    from stepsight_collector.kql.operator_usage import Usage

__all__ = ["KQL_PAGES"]

HEAD = """\
# KQL

Made by `make docs` from the compiler's own tables. Each row has a query with its expected result in
`tests/golden/kql`; what is not here is refused with its place and what to write instead, never
passed over.

Tables and columns: [tables.md](tables.md). How to ask: `stepsight query` in [cli.md](cli.md), or
[the query API](api.md).

"""


def kql_page() -> str:
    """The page of operators, functions, aggregates and differences."""
    plugins = ", ".join(f"`{name}`" for name in sorted(PLUGINS))
    charts = ", ".join(f"`{chart}`" for chart in CHARTS)
    return "".join(
        (
            HEAD,
            "## Operators\n\n",
            _usages(USAGES),
            f"\nPlugins of `evaluate`: {plugins}. Charts of `render`: {charts}.\n\n",
            "## Beginnings and statements\n\nA query begins with a table's name, or with:\n\n",
            _usages(SOURCES),
            "\nand may have statements before it, each with `;` behind it:\n\n",
            _usages(STATEMENTS),
            "\n## Inside of expressions\n\n",
            _usages(EXPRESSIONS),
            "\n## Functions\n\n",
            "A `?` marks an argument that may be left out, `…` one that may come again.\n\n",
            _functions(FUNCTIONS.values()),
            "\nAnd these, which bind their arguments in a way of their own:\n\n",
            _usages(FORMS),
            "\n## Aggregates\n\n",
            _functions(AGGREGATES.values()),
            "\n## What differs from Azure\n\n",
            "".join(f"- {each}\n" for each in DIFFERENCES),
            "\n| | |\n|---|---|\n",
            *_own_differences(),
            "\n## What is refused\n\n| name | instead |\n|---|---|\n",
            "".join(
                f"| `{name}` | {_cell(hint)} |\n"
                for name, hint in sorted({**REFUSED_OPERATORS, **REFUSED}.items())
            ),
        )
    )


def _usages(usages: Mapping[str, Usage]) -> str:
    rows = (
        f"| `{name}` | {usage.sentence} | `{_cell(usage.example)}` |\n"
        for name, usage in usages.items()
    )
    return "| | | example |\n|---|---|---|\n" + "".join(rows)


def _functions(functions: Iterable[Function]) -> str:
    rows = (
        f"| `{each.name}({_arguments(each)})` | {_cell(each.doc)} | `{_cell(each.example)}` |\n"
        for each in sorted(functions, key=lambda each: each.name)
    )
    return "| | | example |\n|---|---|---|\n" + "".join(rows)


def _arguments(function: Function) -> str:
    return ", ".join(_argument(formal) for formal in formals_of(function.signature))


def _argument(formal: Formal) -> str:
    return formal.name + ("?" if formal.is_optional else "") + (", …" if formal.is_many else "")


def _own_differences() -> Iterator[str]:
    for name, sentence in sorted(OPERATOR_DIFFERENCES.items()):
        yield f"| `{name}` | {_cell(sentence)} |\n"
    for each in (*FUNCTIONS.values(), *AGGREGATES.values()):
        if each.differences:
            yield f"| `{each.name}` | {_cell(each.differences)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


KQL_PAGES: dict[Path, Callable[[], str]] = {
    Path(__file__).parent / "reference" / "kql.md": kql_page,
}
