"""Where rows come from, as KQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.printer_expressions import columns, expression
from stepsight_collector.kql.printer_text import name, schema, show
from stepsight_collector.kql.syntax import (
    Call,
    ColumnPattern,
    DataTable,
    Find,
    Member,
    Name,
    Print,
    Range,
    Search,
    Union,
)

if TYPE_CHECKING:
    from stepsight_collector.kql.syntax import Expression

__all__ = ["source"]


def source(node: Expression) -> str:
    """What stands before a pipe, or in a list of tables."""
    simple = isinstance(node, Name | Call | Member | ColumnPattern)
    return show(node) if simple else f"({show(node)})"


@show.register
def _range(node: Range) -> str:
    start, stop, step = expression(node.start), expression(node.stop), expression(node.step)
    return f"range {name(node.name)} from {start} to {stop} step {step}"


@show.register
def _datatable(node: DataTable) -> str:
    return f"datatable {schema(node.columns)} [{columns(node.values)}]"


@show.register
def _print(node: Print) -> str:
    return f"print {columns(node.expressions)}"


@show.register
def _union(node: Union) -> str:
    kind = "" if node.kind == "outer" else f"kind={node.kind} "
    column = f"withsource={name(node.source_column)} " if node.source_column is not None else ""
    fuzzy = "isfuzzy=true " if node.is_fuzzy else ""
    return f"union {kind}{column}{fuzzy}{', '.join(source(each) for each in node.tables)}"


def _tables(tables: tuple[Expression, ...]) -> str:
    return f"in ({', '.join(source(each) for each in tables)}) " if tables else ""


@show.register
def _search(node: Search) -> str:
    kind = "" if node.kind == "case_insensitive" else f"kind={node.kind} "
    return f"search {kind}{_tables(node.tables)}{expression(node.predicate)}"


@show.register
def _find(node: Find) -> str:
    column = f"withsource={name(node.source_column)} " if node.source_column is not None else ""
    text = f"find {column}{_tables(node.tables)}where {expression(node.predicate)}"
    if node.is_project_smart:
        return f"{text} project-smart"
    return f"{text} project {columns(node.columns)}" if node.columns else text
