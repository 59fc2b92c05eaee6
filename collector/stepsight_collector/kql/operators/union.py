"""`union`: the rows of several tables under each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, syntax
from stepsight_collector.kql.context import as_column, refuse, unique_name
from stepsight_collector.kql.conversions import as_json
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.literals import bind_text, null
from stepsight_collector.kql.operators.columns import matching
from stepsight_collector.kql.plan import Concat, Relation
from stepsight_collector.kql.scope import Bound, Closure, Form, quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.schema import Bag
    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_tables", "bind_union", "bind_union_source", "concatenated"]


def bind_union_source(context: Context, node: syntax.Union, scope: Scope) -> Relation:
    """`union a, b` where a query begins."""
    return _union(context, [], node, scope)


def bind_union(context: Context, relation: Relation, node: syntax.Union, scope: Scope) -> Relation:
    """`T | union a, b`: the input is the first of the tables."""
    return _union(context, [relation], node, scope)


def _union(context: Context, inputs: list[Relation], node: syntax.Union, scope: Scope) -> Relation:
    found = bind_tables(context, node.tables, scope, is_fuzzy=node.is_fuzzy)
    relations = [*inputs, *found]
    if not relations:
        refuse("unknown_table", "none of the tables of this union exists", node.span)
    return concatenated(
        context,
        relations,
        scope,
        label=context.label(node.span) or "union",
        source_column=node.source_column,
        is_inner=node.kind == "inner",
        span=node.span,
    )


def bind_tables(
    context: Context,
    tables: Sequence[syntax.Expression],
    scope: Scope,
    *,
    is_fuzzy: bool = False,
) -> list[Relation]:
    """Bind a list of tables, queries and patterns like `App*`.

    Of a fuzzy list, those that do not exist become warnings.
    """
    found: list[Relation] = []
    for table in tables:
        found += _bind_table(context, table, scope, is_fuzzy=is_fuzzy)
    return found


def _bind_table(
    context: Context, table: syntax.Expression, scope: Scope, *, is_fuzzy: bool
) -> list[Relation]:
    try:
        if isinstance(table, syntax.Star | syntax.ColumnPattern):
            return _by_pattern(context, table, scope)
        return [context.statement.bind_query(table, scope)]
    except KqlError as error:
        are_missing = all(each.code == "unknown_table" for each in error.diagnostics)
        if not (is_fuzzy and error.diagnostics and are_missing):
            raise
        context.warnings.extend(error.diagnostics)
        return []


def _by_pattern(
    context: Context, node: syntax.Star | syntax.ColumnPattern, scope: Scope
) -> list[Relation]:
    """The tables whose names match, and the views that `let` made.

    `*` alone leaves out those that show the rows of another table again.
    """
    pattern = node.pattern if isinstance(node, syntax.ColumnPattern) else "*"
    tables = scope.statement.schema.tables
    names = [name for name, table in tables.items() if pattern != "*" or table.unioned]
    views = [
        name
        for name, value in scope.variables.items()
        if isinstance(value, Closure) and value.function.is_view
    ]
    wanted = matching(pattern, [*names, *views])
    if not wanted:
        refuse("unknown_table", f'no table matches "{pattern}"', node.span)
    return [context.statement.bind_query(syntax.Name(name, node.span), scope) for name in wanted]


def concatenated(
    context: Context,
    relations: Sequence[Relation],
    scope: Scope,
    *,
    label: str,
    span: syntax.Span,
    source_column: str | None = None,
    is_inner: bool = False,
) -> Relation:
    """All rows of the relations: columns by name, null (or "") where one has none.

    A column that has several types becomes one for each, named name_type. With `is_inner` only
    columns that all have.
    """
    columns: dict[str, Bound] = {}
    legs: list[dict[str, str]] = [{} for _ in relations]
    if source_column is not None:
        naming.check_name(source_column, span)
        columns[source_column] = Bound(
            ScalarType.STRING, quote_identifier(source_column), is_nullable=False
        )
        for place, (leg, relation) in enumerate(zip(legs, relations, strict=True)):
            leg[source_column] = bind_text(scope, relation.name or f"union_arg{place}")
    for name, original, kind in _merged(relations, is_inner=is_inner):
        if name in columns:
            naming.report_twice(name, span, scope)
        bounds = [_of_type(relation.columns.get(original), kind) for relation in relations]
        columns[name] = _merge(context, name, kind, bounds, legs)
    nodes = tuple(relation.node for relation in relations)
    return Relation(columns, Concat(nodes, tuple(legs), label))


def _of_type(bound: Bound | None, kind: ScalarType) -> Bound | None:
    return bound if bound is not None and bound.type is kind else None


def _merged(relations: Sequence[Relation], *, is_inner: bool) -> list[tuple[str, str, ScalarType]]:
    """Every column of the result: its name, its name in the inputs, and its type."""
    kinds: dict[str, dict[ScalarType, int]] = {}
    for relation in relations:
        for name, bound in relation.columns.items():
            of_name = kinds.setdefault(name, {})
            of_name[bound.type] = of_name.get(bound.type, 0) + 1
    if is_inner:
        kinds = {
            name: {kind: count for kind, count in found.items() if count == len(relations)}
            for name, found in kinds.items()
        }
    taken = set(kinds)
    merged: list[tuple[str, str, ScalarType]] = []
    for name, found in kinds.items():
        for kind in found:
            if len(found) == 1:
                merged.append((name, name, kind))
                continue
            with_type = unique_name(f"{name}_{kind.value}", taken)
            taken.add(with_type)
            merged.append((with_type, name, kind))
    return merged


def _merge(
    context: Context,
    name: str,
    kind: ScalarType,
    bounds: Sequence[Bound | None],
    legs: list[dict[str, str]],
) -> Bound:
    """Give each input its expression for a column; returns the column."""
    found = [bound for bound in bounds if bound is not None]
    forms = {bound.form for bound in found} if kind is ScalarType.DYNAMIC else set()
    is_map = forms == {Form.MAP} and len(found) == len(bounds)
    keeps = len(forms) <= 1 and (is_map or Form.MAP not in forms)
    for bound, leg in zip(bounds, legs, strict=True):
        if bound is None:
            leg[name] = null(kind).sql
        else:
            leg[name] = bound.sql if keeps else as_json(bound).sql
    column = found[0] if keeps else as_json(found[0])
    is_nullable = kind is not ScalarType.STRING and (
        len(found) < len(bounds) or any(bound.is_nullable for bound in found)
    )
    bag = _merged_bag(context, found, legs) if is_map else None
    form = column.form
    return as_column(name, Bound(kind, "", is_nullable=is_nullable, form=form, bag=bag))


def _merged_bag(context: Context, found: Sequence[Bound], legs: list[dict[str, str]]) -> Bag | None:
    """One bag over those of all inputs, if they have the same keys apart from their maps."""
    bags = [bound.bag for bound in found]
    first = bags[0]
    if first is None:
        return None
    if any(bag is None or _shape(bag) != _shape(first) for bag in bags):
        return None
    keys = {key: context.fresh() for key in first.keys}
    rest = context.fresh()
    for bag, leg in zip(bags, legs, strict=True):
        if bag is not None:
            leg.update((keys[key], quote_identifier(each)) for key, each in bag.keys.items())
            leg[rest] = quote_identifier(bag.rest)
    return replace(first, rest=rest, keys=keys)


def _shape(bag: Bag) -> tuple[object, ...]:
    """All of a bag but the columns that it is in."""
    return bag.keys.keys(), replace(bag, rest="", keys={})
