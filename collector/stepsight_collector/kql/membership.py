"""`in`, `in~`, `has_any`, `has_all`: a value against a list.

The list is written out, or an array, or the first column of a query. Constants are written out for
the engine too, so that keys and indexes are reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql import emit
from stepsight_collector.kql.comparing import equals, fold_case, pair
from stepsight_collector.kql.conversions import text_sql
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.literals import bind_constant, is_constant
from stepsight_collector.kql.matching import has_word
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["array_texts", "bind_membership", "bind_membership_of_query"]

T = ScalarType
_FALSE: Final = Bound(T.BOOL, "0", is_nullable=False)
_TRUE: Final = Bound(T.BOOL, "1", is_nullable=False)


def bind_membership(
    node: syntax.In, operand: Bound, items: Sequence[Bound], scope: Scope, *, is_filter: bool
) -> Bound:
    """`operand operator (items)`, all bound; a constant array counts as its items."""
    failed = next((each for each in (operand, *items) if has_failed(each)), None)
    if failed:
        return failed
    items = [each for item in items for each in _spread(item, scope)]
    name = node.operator.removeprefix("!")
    is_negated = name != node.operator
    arrays = [item for item in items if _is_array(item, operand)]
    plain = [item for item in items if not _is_array(item, operand)]
    if name in {"has_any", "has_all"}:
        return _has_words(name, operand, plain, arrays, scope)
    found = [_in_array(operand, array, is_folded=name == "in~") for array in arrays]
    if plain or not arrays:
        among = _among(node, operand, plain, scope, is_folded=name == "in~", is_filter=is_filter)
        if has_failed(among) or not arrays:
            return _negated(among, is_filter=is_filter) if is_negated else among
        found.append(among)
    sql = "(" + " OR ".join(each.sql for each in found) + ")"
    any_of = Bound(T.BOOL, sql, is_nullable=any(each.is_nullable for each in found))
    return _negated(any_of, is_filter=is_filter) if is_negated else any_of


def bind_membership_of_query(
    node: syntax.In, operand: Bound, relation: Relation, scope: Scope
) -> Bound:
    """`operand in (query)`: against the query's first column."""
    first = next(iter(relation.columns.values()))
    name = node.operator.removeprefix("!")
    if has_failed(operand) or has_failed(first):
        return operand if has_failed(operand) else first
    if name in {"has_any", "has_all"}:
        hint = "Write toscalar(query | summarize make_set(column)) in its place."
        message = f"{name} does not take a query"
        return fail(scope, "unsupported", message, node.operator_span, hint)
    if name == "in~":
        left, column = f"lowerUTF8({text_sql(operand)})", f"lowerUTF8({text_sql(first)})"
    else:
        sides = pair(operand, first, scope, "==", node.operator_span)
        if sides is None:
            return _mismatch(node, operand, first, scope)
        left, column = sides[0].sql, sides[1].sql
    listed = emit.list_sql(relation)
    if column != first.sql:
        listed = f"(SELECT {column} FROM {listed})"
    negation = "NOT " if name != node.operator else ""
    sql = f"({left} {negation}IN {listed})"
    if operand.is_nullable or first.is_nullable:
        return Bound(T.BOOL, f"ifNull({sql}, {1 if negation else 0})", is_nullable=False)
    return Bound(T.BOOL, sql, is_nullable=False)


def array_texts(array: Bound) -> str:
    """The elements of a dynamic array as texts: Array(String)."""
    raw = f"JSONExtractArrayRaw(ifNull({array.sql}, ''))"
    return f"arrayMap(e -> if(startsWith(e, '\"'), JSONExtractString(e), e), {raw})"


def _spread(item: Bound, scope: Scope) -> list[Bound]:
    """A constant array as constants, each of its own type."""
    if item.type is not T.DYNAMIC or not isinstance(item.constant, list):
        return [item]
    return [_element(each, scope) for each in item.constant]


def _element(value: object, scope: Scope) -> Bound:
    kinds = {bool: T.BOOL, int: T.LONG, float: T.REAL, str: T.STRING}
    return bind_constant(scope, kinds.get(type(value), T.DYNAMIC), value)


def _is_array(item: Bound, operand: Bound) -> bool:
    """Whether an item is a list itself: dynamics that are not known, beside a plain value."""
    is_dynamic = item.type is T.DYNAMIC and not is_constant(item) and item.form is Form.JSON
    return is_dynamic and operand.type is not T.DYNAMIC


def _in_array(operand: Bound, array: Bound, *, is_folded: bool) -> Bound:
    texts, text = array_texts(array), text_sql(operand)
    if is_folded:
        texts, text = f"arrayMap(e -> lowerUTF8(e), {texts})", f"lowerUTF8({text})"
    return Bound(T.BOOL, f"has({texts}, {text})", is_nullable=False)


def _negated(bound: Bound, *, is_filter: bool) -> Bound:
    del is_filter
    if bound.is_nullable:
        return Bound(T.BOOL, f"(NOT ifNull({bound.sql}, 0))", is_nullable=False)
    return Bound(T.BOOL, f"(NOT {bound.sql})", is_nullable=False)


def _among(
    node: syntax.In,
    operand: Bound,
    items: Sequence[Bound],
    scope: Scope,
    *,
    is_folded: bool,
    is_filter: bool,
) -> Bound:
    if not items:
        return _FALSE
    if is_folded:
        listed = ", ".join(fold_case(item, scope) for item in items)
        sql = f"({fold_case(operand, scope)} IN ({listed}))"
        return Bound(T.BOOL, sql, is_nullable=False)
    pairs: list[tuple[Bound, Bound]] = []
    for item in items:
        sides = pair(operand, item, scope, "==", node.operator_span)
        if sides is None:
            return _mismatch(node, operand, item, scope)
        pairs.append(sides)
    if len({one.sql for one, _ in pairs}) == 1 and all(
        is_constant(other) and other.constant is not None for _, other in pairs
    ):
        one = pairs[0][0]
        sql = f"({one.sql} IN ({', '.join(other.sql for _, other in pairs)}))"
        if one.is_nullable and not is_filter:
            return Bound(T.BOOL, f"ifNull({sql}, 0)", is_nullable=False)
        return Bound(T.BOOL, sql, is_nullable=one.is_nullable)
    each = [equals(one, other, is_filter=is_filter).sql for one, other in pairs]
    return Bound(T.BOOL, f"({' OR '.join(f'ifNull({one}, 0)' for one in each)})", is_nullable=False)


def _has_words(
    name: str, operand: Bound, items: Sequence[Bound], arrays: Sequence[Bound], scope: Scope
) -> Bound:
    text = text_sql(operand)
    found = [has_word(text, item, scope, False) for item in items]
    quantifier = "arrayExists" if name == "has_any" else "arrayAll"
    element = Bound(T.STRING, "w", is_nullable=False)
    found += [
        f"{quantifier}(w -> {has_word(text, element, scope, False)}, {array_texts(array)})"
        for array in arrays
    ]
    if not found:
        return _FALSE if name == "has_any" else _TRUE
    joint = " OR " if name == "has_any" else " AND "
    return Bound(T.BOOL, f"({joint.join(found)})", is_nullable=False)


def _mismatch(node: syntax.In, operand: Bound, item: Bound, scope: Scope) -> Bound:
    message = f'"{node.operator}" cannot compare a {operand.type.value} with a {item.type.value}'
    hint = "Convert the value or the list, so that both are of one type."
    if operand.type is T.STRING and isinstance(item.constant, (int, float)):
        hint = f'Write the list as texts: "{item.constant}".'
    return fail(scope, "wrong_type", message, node.operator_span, hint)
