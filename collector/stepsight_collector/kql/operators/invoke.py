"""`invoke`: a function that takes the rows as its first parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.context import refuse
from stepsight_collector.kql.functions_of_let import call_table_function
from stepsight_collector.kql.scope import Closure
from stepsight_collector.kql.suggest import did_you_mean

if TYPE_CHECKING:
    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_invoke"]


def bind_invoke(
    context: Context, relation: Relation, node: syntax.Invoke, scope: Scope
) -> Relation:
    """What a let function makes of the rows."""
    call = node.function
    closure = scope.variables.get(call.name)
    if not isinstance(closure, Closure):
        names = [name for name, value in scope.variables.items() if isinstance(value, Closure)]
        refuse(
            "unknown_function",
            f'no function "{call.name}" is made by let',
            call.span,
            did_you_mean(call.name, names) or f"let {call.name} = (T:(*)) {{ T | … }};",
        )
    return call_table_function(context, closure, call, scope, relation)
