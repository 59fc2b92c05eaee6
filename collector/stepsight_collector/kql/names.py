"""The names that columns get when a query gives none: as Microsoft's own parser gives them.

`customDimensions.k` becomes `customDimensions_k`, `bin(timestamp, 1h)` stays `timestamp`,
`toint(resultCode)` stays `resultCode`, `avg(x)` becomes `avg_x`. None means ColumnN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import syntax
from stepsight_collector.kql.aggregate_table import AGGREGATES
from stepsight_collector.kql.functions import FUNCTIONS

if TYPE_CHECKING:
    from stepsight_collector.kql.scope import Scope

__all__ = ["default_name", "prefixed_name"]


def default_name(node: syntax.Expression, scope: Scope) -> str | None:
    """The name of a column that is this expression; None if it has none of its own.

    Names are not made unique here.
    """
    if isinstance(node, syntax.Name):
        return node.name
    if isinstance(node, syntax.Member):
        return _below(node.target, node.name, scope)
    if isinstance(node, syntax.Index):
        known = node.index.value if isinstance(node.index, syntax.Literal) else ""
        name = _below(node.target, str(known), scope)
        return name if isinstance(known, str) or name != str(known) else None
    if isinstance(node, syntax.Call):
        return _of_call(node, scope)
    return None


def prefixed_name(prefix: str, node: syntax.Expression | None, scope: Scope) -> str:
    """`prefix_name`, or `prefix_` of an expression that has no name.

    >>> prefixed_name("avg", syntax.Name("x"), None)
    'avg_x'
    """
    return f"{prefix}_{(default_name(node, scope) if node is not None else None) or ''}"


def _below(target: syntax.Expression, key: str, scope: Scope) -> str | None:
    name = default_name(target, scope)
    return f"{name}_{key}" if name is not None else key or None


def _of_call(node: syntax.Call, scope: Scope) -> str | None:  # noqa: PLR0911 - one a rule
    if node.name in {"column_ifexists", "columnifexists"}:
        first = node.arguments[0] if node.arguments else None
        return (
            first.value
            if isinstance(first, syntax.Literal) and isinstance(first.value, str)
            else None
        )
    first = node.arguments[0] if node.arguments else None
    aggregate = AGGREGATES.get(node.name)
    if aggregate is not None:
        if aggregate.naming == "percentile":
            last = node.arguments[-1] if len(node.arguments) > 1 else None
            share = str(last.value) if isinstance(last, syntax.Literal) else ""
            return f"{prefixed_name('percentile', first, scope)}_{share}".replace(".", "_")
        if aggregate.naming == "first":
            return default_name(first, scope) if first is not None else None
        return prefixed_name(aggregate.naming, first, scope)
    function = FUNCTIONS.get(node.name)
    if function is None or not function.naming or first is None:
        return None
    if function.naming == "first":
        return default_name(first, scope)
    return prefixed_name(function.naming, first, scope)
