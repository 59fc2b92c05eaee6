"""`search` and `find`: rows of many tables in which a text or a condition is met."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import scalars, syntax
from stepsight_collector.kql.context import inner_scope, refuse, relation_on
from stepsight_collector.kql.literals import null
from stepsight_collector.kql.operators.filter import filtered
from stepsight_collector.kql.operators.union import bind_tables, concatenated
from stepsight_collector.kql.plan import Compute
from stepsight_collector.kql.scope import quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Bound, Scope

__all__ = ["bind_find", "bind_search", "bind_search_source"]

T = ScalarType
_SEARCHED = (T.STRING, T.DYNAMIC, T.GUID)
_TABLE = "$table"
_CASED = {
    each: f"{each}_cs"
    for each in ("has", "contains", "startswith", "endswith", "hasprefix", "hassuffix")
} | {"=~": "==", "in~": "in"}
_CASED |= {f"!{each}": f"!{cased}" for each, cased in _CASED.items() if each[0].isalpha()}


def bind_search_source(context: Context, node: syntax.Search, scope: Scope) -> Relation:
    """`search in (tables) predicate`: the rows that meet it, and the name of their table."""
    tables = node.tables or (syntax.Star(node.span),)
    return _searched(context, bind_tables(context, tables, scope), node, scope)


def bind_search(
    context: Context, relation: Relation, node: syntax.Search, scope: Scope
) -> Relation:
    """`T | search predicate`."""
    if node.tables:
        hint = "Begin the query with it: search in (…) predicate."
        refuse("syntax", "search in (…) takes no input", node.span, hint)
    return _searched(context, [relation], node, scope)


def _searched(
    context: Context, relations: Sequence[Relation], node: syntax.Search, scope: Scope
) -> Relation:
    united = concatenated(
        context, relations, scope, label="union", span=node.span, source_column=_TABLE
    )
    inside = inner_scope(united, scope)
    names = [name for name in united.columns if name != _TABLE]
    predicate = _spelled_out(node.predicate, names, inside, is_cased="case_s" in node.kind)
    return filtered(context, united, scalars.bind_predicate(predicate, inside), node)


def _spelled_out(
    node: syntax.Expression, names: Sequence[str], scope: Scope, *, is_cased: bool
) -> syntax.Expression:
    """The predicate with its bare texts made conditions on every column."""

    def within(inner: syntax.Expression) -> syntax.Expression:
        return _spelled_out(inner, names, scope, is_cased=is_cased)

    if isinstance(node, syntax.Literal) and node.type is T.STRING:
        node = _anywhere(node, names, scope, is_cased=is_cased)
    elif isinstance(node, syntax.Star):
        node = syntax.Literal(T.BOOL, value=True, span=node.span)
    elif isinstance(node, syntax.Call) and node.name == "not":
        node = replace(node, arguments=tuple(within(each) for each in node.arguments))
    elif isinstance(node, syntax.Binary) and node.operator in {"and", "or"}:
        node = replace(node, left=within(node.left), right=within(node.right))
    elif isinstance(node, syntax.Binary):
        operator = _CASED.get(node.operator, node.operator) if is_cased else node.operator
        if isinstance(node.left, syntax.Star):
            return _any_column(operator, node.right, names, scope, node.span)
        node = replace(node, operator=operator)
    return node


def _anywhere(
    node: syntax.Literal, names: Sequence[str], scope: Scope, *, is_cased: bool
) -> syntax.Expression:
    operator, term = _term(str(node.value), node.span)
    if is_cased:
        operator = _CASED.get(operator, operator)
    elif operator == "matches regex":
        term = replace(term, value=f"(?i){term.value}")
    return _any_column(operator, term, names, scope, node.span)


def _term(text: str, span: syntax.Span) -> tuple[str, syntax.Literal]:
    """The operator for a term by where its `*` stand, and what it looks for."""
    middle = text.strip("*")
    if "*" in middle:
        words = ".*".join(_escaped(part) for part in text.split("*"))
        return "matches regex", syntax.Literal(T.STRING, rf"\b{words}\b", span)
    starts, ends = text.startswith("*"), text.endswith("*") and len(text) > 1
    operator = {
        (False, False): "has",
        (True, False): "hassuffix",
        (False, True): "hasprefix",
        (True, True): "contains",
    }[starts, ends]
    return operator, syntax.Literal(T.STRING, middle, span)


def _escaped(text: str) -> str:
    """A text as a regular expression that matches it, as RE2 reads it."""
    return "".join(f"\\{each}" if each in r"\.+*?()|[]{}^$" else each for each in text)


def _any_column(
    operator: str,
    value: syntax.Expression,
    names: Sequence[str],
    scope: Scope,
    span: syntax.Span,
) -> syntax.Expression:
    """`* has value`: one of the columns that hold text meets it."""
    found: syntax.Expression | None = None
    for name in names:
        bound = scope.columns[name]
        if bound.type not in _SEARCHED:
            continue
        column: syntax.Expression = syntax.Name(name, span)
        if bound.type is not T.STRING:
            column = syntax.Call("tostring", (column,), span)
        one = syntax.Binary(operator, column, value, span, span)
        found = one if found is None else syntax.Binary("or", found, one, span, span)
    return found or syntax.Literal(T.BOOL, value=False, span=span)


# ----------------------------------------------------------------------------------------- find


def bind_find(context: Context, node: syntax.Find, scope: Scope) -> Relation:
    """`find in (tables) where predicate`: where it was found, what was asked for, and the rest.

    Tables that have none of the predicate's columns are left out. Without `project`, the columns
    of the predicate and those that all tables have, and all others in the bag `pack_`.
    """
    tables = node.tables or (syntax.Star(node.span),)
    relations = bind_tables(context, tables, scope)
    asked = _names(node.predicate)
    known = {name for relation in relations for name in relation.columns}
    if asked & known:
        relations = [each for each in relations if asked & each.columns.keys()]
    kinds = {name: bound for each in relations for name, bound in each.columns.items()}
    found = [_found(context, each, kinds, node, scope) for each in relations]
    shown, packs = _shown(node, found, asked)
    legs = [_packed(each, shown, scope, packs=packs) for each in found]
    return concatenated(
        context,
        legs,
        scope,
        label=context.label(node.span),
        span=node.span,
        source_column=node.source_column or "source_",
    )


def _names(node: object) -> set[str]:
    """Every name in a predicate."""
    if isinstance(node, syntax.Name):
        return {node.name}
    if isinstance(node, tuple):
        return {name for each in node for name in _names(each)}
    if not hasattr(node, "__dataclass_fields__"):
        return set()
    return {name for key in node.__dataclass_fields__ for name in _names(getattr(node, key))}


def _found(
    context: Context,
    relation: Relation,
    kinds: dict[str, Bound],
    node: syntax.Find,
    scope: Scope,
) -> Relation:
    """The rows of one table; a column that it does not have is null."""
    missing = {name: null(bound.type) for name, bound in kinds.items()}
    inside = inner_scope(relation, scope)
    inside = replace(inside, columns={**missing, **inside.columns})
    predicate = _spelled_out(node.predicate, list(relation.columns), inside, is_cased=False)
    return filtered(context, relation, scalars.bind_predicate(predicate, inside), node)


def _shown(
    node: syntax.Find, relations: Sequence[Relation], asked: set[str]
) -> tuple[list[str], bool]:
    """The columns that come out for themselves, and whether the others come out in a bag."""
    if node.columns:
        names = [each.name for each in node.columns if isinstance(each, syntax.Name)]
        return names, len(names) < len(node.columns)
    every = [set(relation.columns) for relation in relations]
    common = set.intersection(*every) if len(every) > 1 else set()
    names = list(dict.fromkeys(name for each in relations for name in each.columns))
    return [name for name in names if name in asked or name in common], True


def _packed(relation: Relation, shown: Sequence[str], scope: Scope, *, packs: bool) -> Relation:
    columns = {name: relation.columns[name] for name in shown if name in relation.columns}
    sql = {name: quote_identifier(name) for name in columns}
    if packs:
        rest = [name for name in relation.columns if name not in columns]
        bound = scalars.bind(_bag_of(rest), inner_scope(relation, scope))
        sql["pack_"] = bound.sql
        columns["pack_"] = replace(bound, sql="`pack_`")
    return relation_on(relation, Compute(relation.node, sql, ""), columns)


def _bag_of(names: Iterable[str]) -> syntax.Expression:
    arguments: list[syntax.Expression] = []
    for name in names:
        arguments += [syntax.Literal(T.STRING, name), syntax.Name(name)]
    return syntax.Call("bag_pack", tuple(arguments))
