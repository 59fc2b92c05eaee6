"""Operators that choose, make, rename and reorder columns."""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import translate
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, syntax
from stepsight_collector.kql.context import as_column, inner_scope, relation_on
from stepsight_collector.kql.failing import fail
from stepsight_collector.kql.plan import Compute
from stepsight_collector.kql.scope import quote_identifier
from stepsight_collector.kql.unknown import unknown_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Bound, Scope

__all__ = [
    "bind_extend",
    "bind_project",
    "bind_project_away",
    "bind_project_keep",
    "bind_project_rename",
    "bind_project_reorder",
    "chosen",
    "matching",
]


def bind_project(
    context: Context, relation: Relation, node: syntax.Project, scope: Scope
) -> Relation:
    """The columns that are listed, and no others."""
    inside = inner_scope(relation, scope)
    columns: dict[str, Bound] = {}
    sql: dict[str, str] = {}
    for each in naming.define(node.columns, inside):
        name = naming.unique(each, columns, inside)
        columns[name], sql[name] = as_column(name, each.bound), each.bound.sql
    return relation_on(relation, Compute(relation.node, sql, context.label(node.span)), columns)


def bind_extend(
    context: Context, relation: Relation, node: syntax.Extend | syntax.Serialize, scope: Scope
) -> Relation:
    """All columns and those that are made; one of an existing name takes its place.

    Every expression sees the input row, not what the same `extend` makes.
    """
    inside = inner_scope(relation, scope)
    made: dict[str, Bound] = {}
    sql: dict[str, str] = {}
    for each in naming.define(node.columns, inside):
        name = naming.unique(each, made, inside)
        made[name], sql[name] = as_column(name, each.bound), each.bound.sql
    label = context.label(node.span)
    node_below = Compute(relation.node, sql, label, keeps_all=True)
    return relation_on(relation, node_below, {**relation.columns, **made})


def bind_project_away(
    context: Context, relation: Relation, node: syntax.ProjectAway, scope: Scope
) -> Relation:
    """All columns but those that are listed."""
    away = {name for name, _ in chosen(node.columns, relation, scope)}
    kept = [name for name in relation.columns if name not in away]
    return _keep(context, relation, kept, node.span)


def bind_project_keep(
    context: Context, relation: Relation, node: syntax.ProjectKeep, scope: Scope
) -> Relation:
    """The columns that are listed, in the order that they have."""
    keep = {name for name, _ in chosen(node.columns, relation, scope)}
    kept = [name for name in relation.columns if name in keep]
    return _keep(context, relation, kept, node.span)


def bind_project_rename(
    context: Context, relation: Relation, node: syntax.ProjectRename, scope: Scope
) -> Relation:
    """All columns where they are, some with other names."""
    new_names: dict[str, str] = {}
    for each in node.columns:
        naming.check_name(each.names[0], each.names_span)
        old = each.expression
        if not isinstance(old, syntax.Name):
            hint = "Use extend for anything else."
            fail(scope, "wrong_arguments", "only a column can be renamed", old.span, hint)
        elif old.name not in relation.columns:
            _unknown(old.name, old.span, relation, scope)
        else:
            new_names[old.name] = each.names[0]
    columns: dict[str, Bound] = {}
    sql: dict[str, str] = {}
    for old_name, bound in relation.columns.items():
        name = new_names.get(old_name, old_name)
        if name in columns:
            naming.report_twice(name, node.span, scope)
        columns[name], sql[name] = as_column(name, bound), bound.sql
    return relation_on(relation, Compute(relation.node, sql, context.label(node.span)), columns)


def bind_project_reorder(
    context: Context, relation: Relation, node: syntax.ProjectReorder, scope: Scope
) -> Relation:
    """The listed columns first, the others after them."""
    names: dict[str, None] = {}
    for each in node.columns:
        item = each.expression if isinstance(each, syntax.SortKey) else each
        order = each.order if isinstance(each, syntax.SortKey) else None
        found = [name for name, _ in chosen([item], relation, scope) if name not in names]
        names |= dict.fromkeys(_ordered(found, order))
    names |= dict.fromkeys(relation.columns)
    return _keep(context, relation, names, node.span)


_NUMBERS = re.compile(r"(\d+)")


def _ordered(names: list[str], order: str | None) -> list[str]:
    if order is None:
        return names
    if order.startswith("granny"):
        return sorted(names, key=_by_numbers, reverse=order.endswith("desc"))
    return sorted(names, reverse=order == "desc")


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """a20 before a100."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in _NUMBERS.split(name)]


def chosen(
    items: Iterable[syntax.Expression], relation: Relation, scope: Scope
) -> list[tuple[str, Bound]]:
    """The columns that names and patterns choose; one that is not there is reported.

    A pattern that matches nothing is no error.
    """
    found: dict[str, Bound] = {}
    for item in items:
        if isinstance(item, syntax.Star):
            found |= relation.columns
        elif isinstance(item, syntax.ColumnPattern):
            names = matching(item.pattern, list(relation.columns))
            found |= {name: relation.columns[name] for name in names}
        elif not isinstance(item, syntax.Name):
            fail(scope, "wrong_arguments", "only columns can be listed here", item.span)
        elif item.name in relation.columns:
            found[item.name] = relation.columns[item.name]
        else:
            _unknown(item.name, item.span, relation, scope)
    return list(found.items())


def matching(pattern: str, names: Sequence[str]) -> list[str]:
    """The names that a pattern with `*` matches."""
    expression = re.compile(translate(pattern.replace("[", "[[]").replace("?", "[?]")))
    return [name for name in names if expression.match(name)]


def _unknown(name: str, span: syntax.Span, relation: Relation, scope: Scope) -> None:
    inside = replace(inner_scope(relation, scope), columns=relation.columns)
    message, hint = unknown_column(name, inside)
    fail(scope, "unknown_column", message, span, hint)


def _keep(
    context: Context, relation: Relation, names: Iterable[str], span: syntax.Span
) -> Relation:
    columns = {name: relation.columns[name] for name in names}
    sql = {name: quote_identifier(name) for name in columns}
    return relation_on(relation, Compute(relation.node, sql, context.label(span)), columns)
