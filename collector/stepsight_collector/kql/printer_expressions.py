"""Expressions as KQL, with parentheses exactly where the parser would read another tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.parser_expressions import AND, EQUAL, INFIX, UNCHAINED
from stepsight_collector.kql.printer_text import constant, name, show
from stepsight_collector.kql.syntax import (
    Between,
    Binary,
    Call,
    ColumnPattern,
    In,
    Index,
    Literal,
    Member,
    Name,
    Named,
    SortKey,
    Star,
    Typeof,
    Unary,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.syntax import Expression

__all__ = ["columns", "expression", "value"]

# Above every operator: signs, and what members and elements can be taken from.
_SIGN, _ACCESS, _ATOM = 10, 11, 12


def expression(node: Expression, floor: int = 0) -> str:
    """An expression; in parentheses unless it binds more tightly than `floor`."""
    text = show(node)
    return text if _strength(node) > floor else f"({text})"


def value(node: Expression) -> str:
    """Where a query may stand as well as an expression: without parentheses."""
    return show(node)


def columns(nodes: Iterable[Expression]) -> str:
    """Columns with commas between."""
    return ", ".join(_column(each) for each in nodes)


def _column(node: Expression) -> str:
    return show(node) if isinstance(node, Named) else expression(node)


def _strength(node: Expression) -> int:
    if isinstance(node, Binary):
        return INFIX[node.operator.partition(" ")[0]]
    if isinstance(node, In | Between):
        return EQUAL
    if isinstance(node, Unary):
        return _SIGN
    if isinstance(node, Literal):
        return _ACCESS
    atoms = (Name, Call, Member, Index, Typeof, Star, ColumnPattern)
    return _ATOM if isinstance(node, atoms) else 0


@show.register
def _literal(node: Literal) -> str:
    return constant(node)


@show.register
def _name(node: Name) -> str:
    return name(node.name)


@show.register
def _star(_node: Star) -> str:
    return "*"


@show.register
def _pattern(node: ColumnPattern) -> str:
    return node.pattern


@show.register
def _member(node: Member) -> str:
    return f"{expression(node.target, _ACCESS)}.{name(node.name)}"


@show.register
def _index(node: Index) -> str:
    return f"{expression(node.target, _ACCESS)}[{expression(node.index)}]"


@show.register
def _call(node: Call) -> str:
    return f"{node.name}({_arguments(node.arguments)})"


def _arguments(nodes: tuple[Expression, ...]) -> str:
    """A query needs no parentheses as the only argument; its commas are its own."""
    return value(nodes[0]) if len(nodes) == 1 else columns(nodes)


@show.register
def _unary(node: Unary) -> str:
    return node.operator + expression(node.operand, _SIGN)


@show.register
def _binary(node: Binary) -> str:
    strength = _strength(node)
    left = expression(node.left, strength if strength in UNCHAINED else strength - 1)
    return f"{left} {node.operator} {expression(node.right, strength)}"


@show.register
def _in(node: In) -> str:
    return f"{expression(node.operand, EQUAL)} {node.operator} ({_arguments(node.items)})"


@show.register
def _between(node: Between) -> str:
    operator = "!between" if node.is_negated else "between"
    low, high = expression(node.low, AND), expression(node.high, AND)
    return f"{expression(node.operand, EQUAL)} {operator} ({low} .. {high})"


@show.register
def _named(node: Named) -> str:
    names = ", ".join(name(each) for each in node.names)
    left = names if len(node.names) == 1 else f"({names})"
    return f"{left} = {expression(node.expression)}"


@show.register
def _typeof(node: Typeof) -> str:
    return f"typeof({', '.join(each.value for each in node.types) or '*'})"


@show.register
def _sort_key(node: SortKey) -> str:
    order = f" {node.order}" if node.order else ""
    nulls = f" nulls {node.nulls}" if node.nulls else ""
    return columns([node.expression]) + order + nulls
