"""`join` and `lookup`: rows of two tables side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import syntax
from stepsight_collector.kql.context import as_column, refuse
from stepsight_collector.kql.conversions import as_json
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.plan import Compute, Join, Limit, Relation
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.suggest import did_you_mean
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Node
    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_join", "bind_lookup"]

T = ScalarType


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the engine makes a kind of join.

    `fills` are the sides whose columns are null where nothing matched; `gives` the sides whose
    columns come out; `is_swapped`: the engine knows it from the other side only.
    """

    engine: str
    gives: str = "both"
    fills: str = ""
    is_swapped: bool = False
    is_unique: bool = False


_KINDS = {
    "innerunique": _Kind("ALL INNER", is_unique=True),
    "inner": _Kind("ALL INNER"),
    "leftouter": _Kind("ALL LEFT", fills="right"),
    "rightouter": _Kind("ALL RIGHT", fills="left"),
    "fullouter": _Kind("ALL FULL", fills="both"),
    "leftsemi": _Kind("LEFT SEMI", gives="left"),
    "leftanti": _Kind("LEFT ANTI", gives="left"),
    "rightsemi": _Kind("LEFT SEMI", gives="right", is_swapped=True),
    "rightanti": _Kind("LEFT ANTI", gives="right", is_swapped=True),
}
_ALIASES = {
    "anti": "leftanti",
    "leftantisemi": "leftanti",
    "rightantisemi": "rightanti",
}


def bind_join(context: Context, relation: Relation, node: syntax.Join, scope: Scope) -> Relation:
    """Pairs of rows that match; without a kind each left key counts once (innerunique)."""
    kind = _KINDS[_ALIASES.get(node.kind or "", node.kind or "innerunique")]
    right = context.statement.bind_query(node.right, scope)
    pairs = _pairs(node.conditions, relation, right, scope)
    label = context.label(node.span)
    return _joined(context, (relation, right), pairs, kind, label=label)


def bind_lookup(
    context: Context, relation: Relation, node: syntax.Lookup, scope: Scope
) -> Relation:
    """The input with the columns of a matching row, without its keys; leftouter by default."""
    kind = _KINDS[node.kind or "leftouter"]
    right = context.statement.bind_query(node.right, scope)
    pairs = _pairs(node.conditions, relation, right, scope)
    keys = {right_name for _, right_name in pairs}
    label = context.label(node.span)
    return _joined(context, (relation, right), pairs, kind, dropped=keys, label=label)


# ---------------------------------------------------------------------------------- conditions


def _pairs(
    conditions: Sequence[syntax.Expression], left: Relation, right: Relation, scope: Scope
) -> list[tuple[str, str]]:
    """The names that must be equal: (left, right). Raises KqlError when one cannot be."""
    pairs: list[tuple[str, str]] = []
    for condition in _flat(conditions):
        pair = _pair(condition)
        if pair is None:
            refuse(
                "wrong_arguments",
                "a condition of a join is a column that both sides have, or $left.a == $right.b",
                condition.span,
                "Make a column of anything else with extend, on both sides.",
            )
        _check_pair(pair, left, right, condition.span, scope)
        pairs.append(pair)
    return pairs


def _flat(conditions: Sequence[syntax.Expression]) -> list[syntax.Expression]:
    """`on a and b` is `on a, b`."""
    flat: list[syntax.Expression] = []
    for condition in conditions:
        if isinstance(condition, syntax.Binary) and condition.operator == "and":
            flat.extend(_flat((condition.left, condition.right)))
        else:
            flat.append(condition)
    return flat


def _pair(condition: syntax.Expression) -> tuple[str, str] | None:
    if isinstance(condition, syntax.Name):
        return condition.name, condition.name
    if not (isinstance(condition, syntax.Binary) and condition.operator == "=="):
        return None
    sides: dict[str, str] = {}
    for operand in (condition.left, condition.right):
        if isinstance(operand, syntax.Member) and isinstance(operand.target, syntax.Name):
            sides[operand.target.name] = operand.name
    if sides.keys() != {"$left", "$right"}:
        return None
    return sides["$left"], sides["$right"]


def _check_pair(
    pair: tuple[str, str], left: Relation, right: Relation, span: syntax.Span, scope: Scope
) -> None:
    kinds: list[ScalarType] = []
    for name, relation, side in zip(pair, (left, right), ("left", "right"), strict=True):
        bound = relation.columns.get(name)
        if bound is None:
            hint = did_you_mean(name, relation.columns)
            message = f'the {side} side of the join has no column "{name}"'
            refuse("unknown_column", message, span, hint or _both_sides(left, right))
        if has_failed(bound):
            return
        kinds.append(bound.type)
    if kinds[0] is T.DYNAMIC or kinds[1] is T.DYNAMIC:
        hint = f"Say what it is: extend {pair[0]} = tostring({pair[0]}), on both sides."
        fail(scope, "wrong_type", "rows cannot be matched by a dynamic", span, hint)
    elif kinds[0] is not kinds[1] and not set(kinds) <= {T.INT, T.LONG}:
        message = f"a {kinds[0].value} and a {kinds[1].value} cannot be matched"
        fail(scope, "wrong_type", message, span, "Convert one of them with extend.")


def _both_sides(left: Relation, right: Relation) -> str:
    common = [name for name in left.columns if name in right.columns][:8]
    return f"Both sides have {', '.join(common)}." if common else "No column has the same name."


# ------------------------------------------------------------------------------------- the join


def _joined(
    context: Context,
    sides: tuple[Relation, Relation],
    pairs: Sequence[tuple[str, str]],
    kind: _Kind,
    *,
    label: str,
    dropped: Container[str] = (),
) -> Relation:
    left, right = sides
    left_node, right_node, on = _keyed(context, left, right, pairs, kind)
    if kind.gives != "both":
        given = left if kind.gives == "left" else right
        nodes = (right_node, left_node) if kind.is_swapped else (left_node, right_node)
        if kind.is_swapped:
            on = tuple((right_key, left_key) for left_key, right_key in on)
        node = Join(kind.engine, *nodes, on, {}, label)
        return replace(given, node=node, order=None, name="")
    left_columns, right_columns = dict(left.columns), dict(right.columns)
    if kind.fills in {"left", "both"}:
        left_node, left_columns = _nullable(left_node, left_columns)
    if kind.fills in {"right", "both"}:
        right_node, right_columns = _nullable(right_node, right_columns)
    columns = dict(left_columns)
    right_names: dict[str, str] = {}
    taken = {*left_columns, *right_columns}
    for name, bound in right_columns.items():
        if name in dropped:
            continue
        out = _renamed(name, left_columns, taken)
        right_names[out] = name
        columns[out] = _right_column(context, out, bound, right_names)
    node = Join(kind.engine, left_node, right_node, on, right_names, label)
    return replace(left, node=node, columns=columns, order=None, name="")


def _renamed(name: str, left: Mapping[str, Bound], taken: set[str]) -> str:
    """A right column whose name the left side has is name1, name2 …: the first that is free."""
    if name not in left:
        return name
    number = 1
    while f"{name}{number}" in taken:
        number += 1
    taken.add(f"{name}{number}")
    return f"{name}{number}"


def _right_column(context: Context, name: str, bound: Bound, right_names: dict[str, str]) -> Bound:
    """A column of the right side, whose bag's columns get names of their own."""
    bag = bound.bag
    if bag is not None:
        keys = {key: context.fresh() for key in bag.keys}
        rest = context.fresh()
        right_names |= {keys[key]: source for key, source in bag.keys.items()}
        right_names[rest] = bag.rest
        bound = replace(bound, bag=replace(bag, rest=rest, keys=keys))
    return as_column(name, bound)


def _keyed(
    context: Context,
    left: Relation,
    right: Relation,
    pairs: Sequence[tuple[str, str]],
    kind: _Kind,
) -> tuple[Node, Node, tuple[tuple[str, str], ...]]:
    """Both sides with their keys as columns that nothing else changes, and these columns."""
    scope_columns: tuple[dict[str, str], dict[str, str]] = ({}, {})
    on: list[tuple[str, str]] = []
    for left_name, right_name in pairs:
        names = context.fresh(), context.fresh()
        bounds = left.columns[left_name], right.columns[right_name]
        same = bounds[0].type is bounds[1].type
        for made, name, bound in zip(scope_columns, names, bounds, strict=True):
            made[name] = bound.sql if same else f"toInt64({bound.sql})"
        on.append(names)
    left_node: Node = Compute(left.node, scope_columns[0], "", keeps_all=True)
    right_node: Node = Compute(right.node, scope_columns[1], "", keeps_all=True)
    if kind.is_unique:
        keys = tuple(scope_columns[0])
        left_node = Limit(left_node, "1", 1, left.order or (), keys, "")
    return left_node, right_node, tuple(on)


def _nullable(node: Node, columns: Mapping[str, Bound]) -> tuple[Node, dict[str, Bound]]:
    """A side whose columns become null in rows without a match; a string becomes ""."""
    made: dict[str, str] = {}
    result: dict[str, Bound] = {}
    for name, bound in columns.items():
        given = bound
        if bound.type is T.DYNAMIC and bound.form is Form.MAP:
            given = as_json(bound)
        if given.type is not T.STRING:
            made[name] = f"toNullable({given.sql})"
            given = replace(given, is_nullable=True, bag=None)
        result[name] = as_column(name, given)
    return Compute(node, made, "", keeps_all=True), result
