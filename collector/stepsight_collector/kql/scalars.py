"""Binds scalar expressions: names, literals, members, operators, and calls of functions.

A syntax node in, a `Bound` out: its type and its SQL. What is wrong goes to the statement's
diagnostics, and binding goes on (`failing.py`). Functions are in `functions/`, aggregates in
`aggregates.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql import syntax, ticks
from stepsight_collector.kql.aggregate_table import AGGREGATES, is_aggregate
from stepsight_collector.kql.arithmetic import bind_arithmetic, negate
from stepsight_collector.kql.calls import (
    TABULAR,
    Bind,
    Place,
    bind_closure,
    bind_column_if_exists,
    bind_pack_all,
    bind_toscalar,
    relation_of,
)
from stepsight_collector.kql.comparing import bind_between, bind_comparison
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.functions import FUNCTIONS, bind_function
from stepsight_collector.kql.functions.array_sort import (
    SORTING,
    sorted_together,
    sorts_several,
)
from stepsight_collector.kql.functions.refused import REFUSED
from stepsight_collector.kql.functions.table import Invocation
from stepsight_collector.kql.literals import bind_constant, null
from stepsight_collector.kql.matching import bind_match, is_match_operator
from stepsight_collector.kql.membership import bind_membership, bind_membership_of_query
from stepsight_collector.kql.paths import walk
from stepsight_collector.kql.plan import Relation
from stepsight_collector.kql.scope import Bound, Closure, Scope
from stepsight_collector.kql.suggest import function_hint
from stepsight_collector.kql.types import ScalarType
from stepsight_collector.kql.unknown import unknown_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["bind", "bind_named", "bind_predicate", "bind_several", "bind_with"]

T = ScalarType
_ARITHMETIC: Final = frozenset("+-*/%")
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "=~", "!~"})


_VALUE: Final = Place()
_FILTER: Final = Place(is_filter=True)


def bind(node: syntax.Expression, scope: Scope) -> Bound:
    """Bind an expression that gives a value a row."""
    return _bind(node, scope, _VALUE)


def bind_named(node: syntax.Expression, scope: Scope) -> Bound:
    """Bind the value that a name stands for: what may be done with it is seen where it is used."""
    return _operand(node, scope, _VALUE)


def bind_several(node: syntax.Expression, scope: Scope) -> list[Bound] | None:
    """The columns that an expression gives if they are several: array_sort_asc(x, y)."""
    if not isinstance(node, syntax.Call) or len(node.arguments) < 2:  # noqa: PLR2004 - two arrays
        return None
    if node.name not in SORTING or node.name in scope.variables:
        return None
    arguments = tuple(_bind(each, scope, _VALUE) for each in node.arguments)
    if any(has_failed(each) for each in arguments):
        return None
    call = Invocation(node, arguments, scope)
    return sorted_together(call) if sorts_several(call) else None


def bind_predicate(node: syntax.Expression, scope: Scope) -> Bound:
    """Bind a condition that keeps or drops a row: where it may be null, null drops.

    Anything but a bool is a diagnostic.
    """
    return _condition(node, _bind(node, scope, _FILTER), scope)


def bind_with(
    node: syntax.Expression, scope: Scope, aggregate: Callable[[syntax.Call, Scope], Bound]
) -> Bound:
    """Bind an expression over aggregates: `sum(a) / count()`."""
    return _bind(node, scope, Place(aggregate=aggregate))


def _bind(node: syntax.Expression, scope: Scope, place: Place) -> Bound:
    binder = _BINDERS.get(type(node))
    if binder is None:
        return _not_scalar(node, scope)
    return binder(node, scope, place)


def _not_scalar(node: syntax.Expression, scope: Scope) -> Bound:
    if isinstance(node, TABULAR):
        return fail(
            scope,
            "wrong_type",
            "a query is not a single value",
            node.span,
            "Write toscalar(query) for the first value of its first row.",
        )
    what = "*" if isinstance(node, syntax.Star) else "this"
    return fail(scope, "syntax", f"{what} cannot stand in an expression", node.span)


def _condition(node: syntax.Expression, bound: Bound, scope: Scope) -> Bound:
    if bound.type is T.BOOL or has_failed(bound):
        return bound
    message = f"a condition is true or false, found a {bound.type.value}"
    hint = "Compare it with something, or write isnotempty(…)."
    if bound.type in {T.INT, T.LONG, T.DYNAMIC}:
        hint = "Compare it with something, or write tobool(…)."
    return fail(scope, "wrong_type", message, node.span, hint)


# ------------------------------------------------------------------------------ names and paths


def _literal(node: syntax.Literal, scope: Scope, _: Place) -> Bound:
    return _held(bind_constant(scope, node.type, node.value), node, scope)


def _name(node: syntax.Name, scope: Scope, place: Place) -> Bound:
    return _held(_meaning(node, scope, place), node, scope)


def _held(bound: Bound, node: syntax.Expression, scope: Scope) -> Bound:
    """The bound, unless it is a time that the engine cannot hold."""
    if bound.type is not T.DATETIME or not isinstance(bound.constant, int):
        return bound
    if ticks.is_storable(bound.constant):
        return bound
    first, last = (
        ticks.print_datetime(each)[:10] for each in (ticks.MIN_DATETIME, ticks.MAX_DATETIME)
    )
    message = f"{ticks.print_datetime(bound.constant)[:10]} is out of the range of times"
    hint = f"It is {first} to {last}; other times can be compared and subtracted, no more."
    return fail(scope, "bad_value", message, node.span, hint)


def _operand(node: syntax.Expression, scope: Scope, place: Place) -> Bound:
    """Bind what is compared, subtracted or named: it may be a time that cannot be held."""
    if isinstance(node, syntax.Literal):
        return bind_constant(scope, node.type, node.value)
    if isinstance(node, syntax.Name):
        return _meaning(node, scope, place)
    return _bind(node, scope, place)


def _meaning(node: syntax.Name, scope: Scope, place: Place) -> Bound:
    column = scope.columns.get(node.name)
    if column is not None:
        if place.aggregate is not None:
            return _not_aggregated(node, scope)
        return column
    variable = scope.variables.get(node.name)
    if isinstance(variable, Bound):
        return variable
    if isinstance(variable, Relation):
        message = f'"{node.name}" is a table, not a single value'
        hint = f"Write toscalar({node.name}) for the first value of its first row."
        return fail(scope, "wrong_type", message, node.span, hint)
    if isinstance(variable, Closure):
        message = f'"{node.name}" is a function'
        return fail(scope, "wrong_arguments", message, node.span, f"Call it: {node.name}(…).")
    call = f"It is a function: {node.name}(…)." if node.name in FUNCTIONS else ""
    message, hint = unknown_column(node.name, scope, variables=scope.variables, otherwise=call)
    return fail(scope, "unknown_column", message, node.span, hint)


def _not_aggregated(node: syntax.Name, scope: Scope) -> Bound:
    message = f'"{node.name}" is neither aggregated nor a group key'
    hint = f"Write an aggregate of it: take_any({node.name}), max({node.name}), sum({node.name})."
    return fail(scope, "wrong_type", message, node.span, hint)


def _path(node: syntax.Member | syntax.Index, scope: Scope, place: Place) -> Bound:
    steps: list[Bound] = []
    target: syntax.Expression = node
    while isinstance(target, (syntax.Member, syntax.Index)):
        if isinstance(target, syntax.Member):
            steps.append(bind_constant(scope, T.STRING, target.name))
        else:
            steps.append(_bind(target.index, scope, place.as_value()))
        target = target.target
    root = _bind(target, scope, place.as_value())
    name = target.name if isinstance(target, syntax.Name) else ""
    return walk(root, steps[::-1], scope, node.span, name)


# ------------------------------------------------------------------------------------ operators


def _unary(node: syntax.Unary, scope: Scope, place: Place) -> Bound:
    return negate(node, _bind(node.operand, scope, place.as_value()), scope)


def _binary(node: syntax.Binary, scope: Scope, place: Place) -> Bound:
    if node.operator in {"and", "or"}:
        return _logic(node, scope, place)
    inner = place.as_value()
    left, right = _operand(node.left, scope, inner), _operand(node.right, scope, inner)
    if node.operator in _COMPARISONS:
        return bind_comparison(node, left, right, scope, is_filter=place.is_filter)
    if node.operator in _ARITHMETIC:
        return bind_arithmetic(node, left, right, scope)
    if is_match_operator(node.operator):
        return bind_match(node, left, right, scope)
    message = f'the operator "{node.operator}" is not supported'
    return fail(scope, "unsupported", message, node.operator_span)


def _logic(node: syntax.Binary, scope: Scope, place: Place) -> Bound:
    left = _condition(node.left, _bind(node.left, scope, place), scope)
    right = _condition(node.right, _bind(node.right, scope, place), scope)
    if has_failed(left) or has_failed(right):
        return left if has_failed(left) else right
    sql = f"({left.sql} {node.operator.upper()} {right.sql})"
    return Bound(T.BOOL, sql, is_nullable=left.is_nullable or right.is_nullable)


def _in(node: syntax.In, scope: Scope, place: Place) -> Bound:
    inner = place.as_value()
    operand = _operand(node.operand, scope, inner)
    if len(node.items) == 1:
        relation = relation_of(node.items[0], scope)
        if relation is not None:
            return bind_membership_of_query(node, operand, relation, scope)
    items = [_operand(item, scope, inner) for item in node.items]
    return bind_membership(node, operand, items, scope, is_filter=place.is_filter)


def _between(node: syntax.Between, scope: Scope, place: Place) -> Bound:
    inner = place.as_value()
    ends = _operand(node.low, scope, inner), _operand(node.high, scope, inner)
    return bind_between(node, _operand(node.operand, scope, inner), ends, scope)


# ---------------------------------------------------------------------------------------- calls


def _call(node: syntax.Call, scope: Scope, place: Place) -> Bound:
    variable = scope.variables.get(node.name)
    if isinstance(variable, Closure):
        return bind_closure(node, variable, scope, place, _bind)
    if place.aggregate is not None and is_aggregate(node.name):
        return place.aggregate(node, scope)
    special = _SPECIAL.get(node.name)
    if special is not None:
        return special(node, scope, place, _bind)
    if is_aggregate(node.name) and node.name not in FUNCTIONS:
        message = f"{node.name} is an aggregate, which needs many rows"
        hint = f"Write summarize {node.name}(…) by …, and use its column behind."
        return fail(scope, "wrong_arguments", message, node.name_span, hint)
    if node.name not in FUNCTIONS and node.name not in REFUSED:
        names = (*FUNCTIONS, *AGGREGATES, *_SPECIAL, *_closures(scope))
        message = f'there is no function "{node.name}"'
        return fail(
            scope, "unknown_function", message, node.name_span, function_hint(node.name, names)
        )
    inner = place.as_value()
    arguments = tuple(_bind(each, scope, inner) for each in node.arguments)
    return bind_function(Invocation(node, arguments, scope))


def _closures(scope: Scope) -> Iterator[str]:
    return (name for name, each in scope.variables.items() if isinstance(each, Closure))


def _typeof(node: syntax.Typeof, _: Scope, __: Place) -> Bound:
    kind = node.types[0] if node.types else T.DYNAMIC
    return Bound(kind, "NULL", constant=kind)


def _not(node: syntax.Call, scope: Scope, place: Place, _: Bind) -> Bound:
    """`not(x)`; `and` and `or` are operators."""
    if len(node.arguments) != 1:
        message = f"not takes one condition, found {len(node.arguments)} arguments"
        return fail(scope, "wrong_arguments", message, node.span)
    operand = node.arguments[0]
    bound = _condition(operand, _bind(operand, scope, place.as_value()), scope)
    if has_failed(bound):
        return bound
    if bound.constant is None:
        return null(T.BOOL)
    return Bound(T.BOOL, f"(NOT {bound.sql})", is_nullable=bound.is_nullable)


_SPECIAL: Final[Mapping[str, Callable[[syntax.Call, Scope, Place, Bind], Bound]]] = {
    "toscalar": bind_toscalar,
    "not": _not,
    "column_ifexists": bind_column_if_exists,
    "columnifexists": bind_column_if_exists,
    "pack_all": bind_pack_all,
}
_BINDERS: Final[Mapping[type, Callable[..., Bound]]] = {
    syntax.Literal: _literal,
    syntax.Name: _name,
    syntax.Member: _path,
    syntax.Index: _path,
    syntax.Unary: _unary,
    syntax.Binary: _binary,
    syntax.In: _in,
    syntax.Between: _between,
    syntax.Call: _call,
    syntax.Typeof: _typeof,
}
