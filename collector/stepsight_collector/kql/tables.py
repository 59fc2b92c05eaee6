"""A table of the store as a relation: its columns, its bags' keys, and which rows may be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from stepsight_collector.kql.context import refuse
from stepsight_collector.kql.literals import bind_constant
from stepsight_collector.kql.plan import HIDDEN, Relation, Scan
from stepsight_collector.kql.scope import Bound, Form, quote_identifier
from stepsight_collector.kql.suggest import did_you_mean
from stepsight_collector.kql.types import ScalarType
from stepsight_collector.kql.unknown import names_there

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.schema import Column, Table
    from stepsight_collector.kql.scope import Scope
    from stepsight_collector.kql.syntax import Span

__all__ = ["bind_table", "unknown_table"]


def bind_table(context: Context, name: str, span: Span, scope: Scope) -> Relation:
    """The rows of a table that belong to the project and lie in the query's time span."""
    context.count_expansion(span)
    relation = context.scans.get(name)
    if relation is None:
        table = scope.statement.schema.tables.get(name)
        if table is None:
            unknown_table(name, span, scope)
        relation = context.scans[name] = _scan(context, table, scope)
    return relation


def unknown_table(name: str, span: Span, scope: Scope) -> NoReturn:
    """Raise KqlError for a name that is no table."""
    tables = scope.statement.schema.tables
    known = [*tables, *scope.variables]
    hint = did_you_mean(name, known)
    if any(each.lower() == name.lower() for each in known):
        hint = f"{hint} Upper and lower case matter."
    elif not hint:
        hint = names_there(tables)
    refuse("unknown_table", f'unknown table "{name}"', span, hint)


def _scan(context: Context, table: Table, scope: Scope) -> Relation:
    columns: dict[str, Bound] = {}
    sql: dict[str, str] = {}
    for column in table.columns:
        columns[column.name] = _column(column)
        sql[column.name] = column.sql or quote_identifier(column.name)
        if column.bag is not None:
            sources = (*column.bag.keys.values(), column.bag.rest)
            sql |= {HIDDEN + source: quote_identifier(source) for source in sources}
    project = scope.statement.parameters.add(context.project, "String")
    conditions = [f"{quote_identifier(table.project_column)} = {project}"]
    label = f"scan {table.name}"
    if table.time_column in sql:
        times = _times(context, sql[table.time_column], scope)
        conditions += times
        label += " in the time span" if times else ""
    source = _quoted_source(table.source)
    node = Scan(table.name, source, sql, tuple(conditions), label, table.select)
    return Relation(columns, node, name=table.name)


def _quoted_source(source: str) -> str:
    return ".".join(quote_identifier(part) for part in source.split("."))


def _column(column: Column) -> Bound:
    bag = column.bag
    if bag is None:
        is_nullable = column.is_nullable and column.type is not ScalarType.STRING
        return Bound(column.type, quote_identifier(column.name), is_nullable=is_nullable)
    keys: Mapping[str, str] = {key: HIDDEN + source for key, source in bag.keys.items()}
    return Bound(
        column.type,
        quote_identifier(column.name),
        is_nullable=False,
        form=Form.MAP,
        bag=replace(bag, rest=HIDDEN + bag.rest, keys=keys),
    )


def _times(context: Context, column: str, scope: Scope) -> list[str]:
    """Conditions for the query's time span; its end is not included."""
    start, end = context.timespan
    found = []
    for ticks, operator in ((start, ">="), (end, "<")):
        if ticks is not None:
            value = bind_constant(scope, ScalarType.DATETIME, ticks)
            found.append(f"{column} {operator} {value.sql}")
    return found
