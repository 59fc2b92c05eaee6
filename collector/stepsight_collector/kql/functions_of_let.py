"""Functions that `let` makes and that give tables; those that give values are `scalars.py`'s."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import scalars, syntax
from stepsight_collector.kql.context import refuse
from stepsight_collector.kql.conversions import convert
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.plan import Relation
from stepsight_collector.kql.scope import Bound, Closure, Scope
from stepsight_collector.kql.tables import unknown_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.kql.context import Context

__all__ = ["bind_let", "call_table_function", "is_tabular"]

MAX_DEPTH = 32
MAX_LENGTH = 100_000  # characters of SQL of a value
_SOURCES = (
    syntax.Query,
    syntax.DataTable,
    syntax.Range,
    syntax.Print,
    syntax.Union,
    syntax.Search,
    syntax.Find,
    syntax.ColumnPattern,
)
_PLACES = ("app", "workspace", "resource", "database", "cluster")


def is_tabular(node: syntax.Expression, scope: Scope) -> bool:
    """Whether an expression gives a table, by its form and by what its name stands for."""
    if isinstance(node, syntax.Query) and not node.operators:
        return is_tabular(node.source, scope)
    if isinstance(node, syntax.Member):
        return isinstance(node.target, syntax.Call) and node.target.name in _PLACES
    if not isinstance(node, syntax.Name | syntax.Call):
        return isinstance(node, _SOURCES)
    variable = scope.variables.get(node.name)
    if isinstance(variable, Closure):
        return is_tabular(variable.function.body, _body_scope(variable))
    if isinstance(node, syntax.Call):
        return node.name in {"materialize", "table"}
    return isinstance(variable, Relation) or (
        variable is None and node.name in scope.statement.schema.tables
    )


def _body_scope(closure: Closure) -> Scope:
    """Enough of a body's scope to see what its names are."""
    function, scope = closure.function, closure.scope
    inner: dict[str, Bound | Relation | Closure] = dict(scope.variables)
    for parameter in function.parameters:
        inner[parameter.name] = (
            Relation({}, None) if parameter.type is None else Bound(parameter.type, "")
        )
    inside = replace(scope, columns={}, variables=inner)
    for statement in function.statements:
        if isinstance(statement, syntax.Let):
            value = statement.value
            if isinstance(value, syntax.Function):
                inner[statement.name] = Closure(value, inside)
            elif is_tabular(value, inside):
                inner[statement.name] = Relation({}, None)
    return inside


def bind_let(context: Context, node: syntax.Let, scope: Scope) -> Bound | Relation | Closure:
    """What the name of a `let` stands for. A table is bound here, once."""
    value = node.value
    if isinstance(value, syntax.Function):
        return Closure(value, scope)
    if is_tabular(value, scope):
        relation: Relation = context.statement.bind_query(value, scope)
        return replace(relation, name=relation.name or node.name)
    if isinstance(value, syntax.Name) and value.name not in scope.variables:
        unknown_table(value.name, value.span, scope)
    bound = scalars.bind_named(value, scope)
    if len(bound.sql) > MAX_LENGTH:
        hint = "Each use of a let name is written out. Use fewer of them."
        refuse("limit", f'"{node.name}" is too long once it is written out', node.span, hint)
    return bound


def call_table_function(
    context: Context,
    closure: Closure,
    call: syntax.Call,
    scope: Scope,
    piped: Relation | None = None,
) -> Relation:
    """The table that a function gives; `piped` is the first argument of `invoke`."""
    context.count_expansion(call.span)
    if not is_tabular(closure.function.body, _body_scope(closure)):
        hint = f"Write print {call.name}(…) to see it."
        refuse("wrong_type", f'"{call.name}" gives a single value, not a table', call.span, hint)
    context.depth += 1
    if context.depth > MAX_DEPTH:
        refuse("limit", f"functions call each other more than {MAX_DEPTH} deep", call.span)
    inside = replace(closure.scope, columns={})
    inside = _with(inside, _arguments(context, closure, call, scope, piped))
    for statement in closure.function.statements:
        if isinstance(statement, syntax.Let):
            inside = _with(inside, {statement.name: bind_let(context, statement, inside)})
    relation: Relation = context.statement.bind_query(closure.function.body, inside)
    context.depth -= 1
    return replace(relation, name=relation.name or call.name)


def _with(scope: Scope, variables: Mapping[str, Bound | Relation | Closure]) -> Scope:
    return replace(scope, variables={**scope.variables, **variables})


def _arguments(
    context: Context,
    closure: Closure,
    call: syntax.Call,
    scope: Scope,
    piped: Relation | None,
) -> dict[str, Bound | Relation | Closure]:
    parameters = list(closure.function.parameters)
    bound: dict[str, Bound | Relation | Closure] = {}
    if piped is not None:
        if not parameters or parameters[0].type is not None:
            hint = f"Declare {call.name} as (T:(*)) {{ … }}."
            refuse("wrong_type", f'"{call.name}" takes no table', call.span, hint)
        table = parameters.pop(0)
        bound[table.name] = _table_of(piped, table, call.span)
    given = _given(parameters, call)
    for parameter in parameters:
        argument = given.get(parameter.name, parameter.default)
        if argument is None:
            wanted = ", ".join(each.name for each in parameters)
            refuse(
                "wrong_arguments",
                f'"{call.name}" needs a value for "{parameter.name}"',
                call.span,
                f"It takes ({wanted}).",
            )
        place = scope if parameter.name in given else closure.scope
        bound[parameter.name] = _argument(context, parameter, argument, place)
    return bound


def _given(parameters: list[syntax.Parameter], call: syntax.Call) -> dict[str, syntax.Expression]:
    named = [each for each in call.arguments if isinstance(each, syntax.Named)]
    plain = [each for each in call.arguments if not isinstance(each, syntax.Named)]
    if len(call.arguments) > len(parameters):
        refuse(
            "wrong_arguments",
            f'"{call.name}" takes {len(parameters)} arguments, found {len(call.arguments)}',
            call.span,
        )
    given: dict[str, syntax.Expression] = {}
    for parameter, each in zip(parameters, plain, strict=False):
        given[parameter.name] = each
    names = {parameter.name for parameter in parameters}
    for extra in named:
        if extra.names[0] not in names:
            text = f'"{call.name}" has no parameter "{extra.names[0]}"'
            refuse("wrong_arguments", text, extra.names_span)
        given[extra.names[0]] = extra.expression
    return given


def _argument(
    context: Context, parameter: syntax.Parameter, argument: syntax.Expression, scope: Scope
) -> Bound | Relation:
    if parameter.type is None:
        return _table_of(context.statement.bind_query(argument, scope), parameter, argument.span)
    value = scalars.bind_named(argument, scope)
    if has_failed(value) or value.type is parameter.type:
        return value
    converted = convert(value, parameter.type, scope)
    if value.type.value in {"int", "long"} and parameter.type.value in {"int", "long", "real"}:
        return converted
    return fail(
        scope,
        "wrong_type",
        f'the parameter "{parameter.name}" is a {parameter.type.value}, found a {value.type.value}',
        argument.span,
        f"Write to{parameter.type.value}(…).",
    )


def _table_of(relation: Relation, parameter: syntax.Parameter, span: syntax.Span) -> Relation:
    """The argument, if it has the columns that the parameter declares; others it may have too."""
    for wanted in parameter.columns:
        found = relation.columns.get(wanted.name)
        if found is None or (wanted.type is not None and found.type is not wanted.type):
            has = f"is a {found.type.value}" if found else "is not there"
            kind = wanted.type.value if wanted.type else "column"
            refuse(
                "wrong_type",
                f'the table for "{parameter.name}" must have a {kind} "{wanted.name}", which {has}',
                span,
            )
    return relation
