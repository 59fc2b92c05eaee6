"""Calls that are no rows of the table of functions: they see more than their arguments' values.

`toscalar(query)`, let functions, `column_ifexists`, `pack_all`. Called by scalars.py, which hands
over its own `bind`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from stepsight_collector.kql import emit, syntax
from stepsight_collector.kql.conversions import convert
from stepsight_collector.kql.failing import FAILED, fail, has_failed
from stepsight_collector.kql.functions.bags import packed
from stepsight_collector.kql.functions.elements import bag_json
from stepsight_collector.kql.literals import bind_text, is_constant
from stepsight_collector.kql.plan import Relation
from stepsight_collector.kql.printing import json_sql, text_sql
from stepsight_collector.kql.scope import MAX_EXPANSIONS, Bound, Closure, Scope
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "TABULAR",
    "Bind",
    "Place",
    "bind_closure",
    "bind_column_if_exists",
    "bind_pack_all",
    "bind_toscalar",
    "relation_of",
]

T = ScalarType
MAX_CALLS: Final = 32
TABULAR: Final = (
    syntax.Query,
    syntax.DataTable,
    syntax.Range,
    syntax.Print,
    syntax.Union,
    syntax.Search,
    syntax.Find,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands.

    `is_filter`: null and false are the same to whoever reads it. `aggregate` binds the calls of
    aggregates, and is None where there are none. `depth` counts calls of let functions.
    """

    is_filter: bool = False
    aggregate: Callable[[syntax.Call, Scope], Bound] | None = None
    depth: int = 0

    def as_value(self) -> Place:
        """The place of an operand: its null is not its false."""
        return replace(self, is_filter=False) if self.is_filter else self


class Bind(Protocol):
    """Binds an expression in a place."""

    def __call__(self, node: syntax.Expression, scope: Scope, place: Place) -> Bound:
        """Bind it; what is wrong goes to the statement's diagnostics."""
        ...


def relation_of(node: syntax.Expression, scope: Scope) -> Relation | None:
    """The query that an expression is or names, bound; None if it is a value."""
    if isinstance(node, TABULAR):
        return scope.statement.bind_query(node, scope)
    if isinstance(node, syntax.Name) and node.name not in scope.columns:
        variable = scope.variables.get(node.name)
        if isinstance(variable, Relation):
            return variable
        if variable is None and node.name in scope.statement.schema.tables:
            return scope.statement.bind_query(node, scope)
    return None


def bind_toscalar(node: syntax.Call, scope: Scope, place: Place, bind: Bind) -> Bound:
    """`toscalar(query)`: the first value of its first row."""
    if len(node.arguments) != 1:
        message = f"toscalar takes one query, found {len(node.arguments)} arguments"
        return fail(scope, "wrong_arguments", message, node.span)
    argument = node.arguments[0]
    relation = relation_of(argument, scope)
    if relation is None and isinstance(argument, syntax.Call):
        relation = scope.statement.bind_query(argument, scope)
    if relation is None:
        return bind(argument, Scope(scope.statement, {}, scope.variables), place.as_value())
    first = next(iter(relation.columns.values()))
    if has_failed(first):
        return first
    sql = emit.scalar_sql(relation)
    if first.type is T.STRING:
        return Bound(T.STRING, f"ifNull({sql}, '')", is_nullable=False)
    form = first.form
    return Bound(first.type, sql, form=form)


def bind_closure(
    node: syntax.Call, closure: Closure, scope: Scope, place: Place, bind: Bind
) -> Bound:
    """A let function in an expression: its body, with the arguments in the parameters' place."""
    if place.depth >= MAX_CALLS:
        message = f'"{node.name}" calls let functions more than {MAX_CALLS} deep'
        return fail(scope, "limit", message, node.span)
    scope.statement.expansions += 1
    if scope.statement.expansions > MAX_EXPANSIONS:
        message = f"the query calls functions more than {MAX_EXPANSIONS} times"
        return fail(scope, "limit", message, node.span)
    function = closure.function
    taken = _arguments(node, closure, scope, place, bind)
    if taken is None:
        return FAILED
    inner = Scope(scope.statement, {}, {**closure.scope.variables, **taken})
    deeper = Place(depth=place.depth + 1)
    for statement in function.statements:
        if isinstance(statement, syntax.Let):
            value = (
                Closure(statement.value, inner)
                if isinstance(statement.value, syntax.Function)
                else relation_of(statement.value, inner) or bind(statement.value, inner, deeper)
            )
            inner = replace(inner, variables={**inner.variables, statement.name: value})
    return bind(function.body, inner, deeper)


def _arguments(
    node: syntax.Call, closure: Closure, scope: Scope, place: Place, bind: Bind
) -> Mapping[str, Bound] | None:
    """Each parameter's value, converted to its type; None when they do not fit."""
    function, home = closure.function, closure.scope
    given: dict[str, syntax.Expression] = {}
    for parameter, argument in zip(function.parameters, node.arguments, strict=False):
        given[parameter.name] = argument
    for argument in node.arguments:
        if isinstance(argument, syntax.Named):
            given = {k: v for k, v in given.items() if v is not argument}
            given[argument.names[0]] = argument.expression
    least = sum(1 for each in function.parameters if each.default is None)
    if not least <= len(node.arguments) <= len(function.parameters):
        wanted = ", ".join(each.name for each in function.parameters)
        message = f'"{node.name}" takes ({wanted}), found {len(node.arguments)} arguments'
        fail(scope, "wrong_arguments", message, node.span)
        return None
    bound: dict[str, Bound] = {}
    for parameter in function.parameters:
        expression = given.get(parameter.name, parameter.default)
        if expression is None or parameter.type is None:
            message = f'"{node.name}" has no value for its parameter "{parameter.name}"'
            fail(scope, "wrong_arguments", message, node.span)
            return None
        is_given = parameter.name in given
        value = bind(expression, scope if is_given else home, place.as_value())
        bound[parameter.name] = convert(value, parameter.type, scope)
    return bound


def bind_column_if_exists(node: syntax.Call, scope: Scope, place: Place, bind: Bind) -> Bound:
    """`column_ifexists("name", default)`."""
    if len(node.arguments) != 2:  # noqa: PLR2004 - a name and a default
        message = f"{node.name} takes a column's name and a default value"
        return fail(scope, "wrong_arguments", message, node.span)
    name = bind(node.arguments[0], scope, place.as_value())
    if not is_constant(name) or not isinstance(name.constant, str):
        message = f'{node.name} takes the column\'s name as a text: "name"'
        return fail(scope, "wrong_arguments", message, node.arguments[0].span)
    if name.constant in scope.columns:
        return scope.columns[name.constant]
    return bind(node.arguments[1], scope, place)


def bind_pack_all(node: syntax.Call, scope: Scope, place: Place, bind: Bind) -> Bound:
    """`pack_all(ignore_null_empty)`: every column in a bag."""
    ignores = [bind(each, scope, place.as_value()) for each in node.arguments]
    if len(ignores) > 1 or (ignores and not is_constant(ignores[0])):
        message = "pack_all takes nothing, or true or false to leave out what is empty"
        return fail(scope, "wrong_arguments", message, node.span)
    if not ignores or not ignores[0].constant:
        return packed((bind_text(scope, name), each) for name, each in scope.columns.items())
    pairs = (
        f"if(empty({text_sql(each)}), [], [({bind_text(scope, name)}, {_sure_json(each)})])"
        for name, each in scope.columns.items()
    )
    return Bound(T.DYNAMIC, bag_json(f"arrayConcat({', '.join(pairs)})"), is_nullable=False)


def _sure_json(value: Bound) -> str:
    return f"ifNull({json_sql(value)}, 'null')"
