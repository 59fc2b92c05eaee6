"""KQL's scalar functions: a closed table, by name.

Each module has one family as a tuple `FUNCTIONS`. `bind_function` finds the row of a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.failing import FAILED, fail
from stepsight_collector.kql.functions import (
    arrays,
    bags,
    conditions,
    converting,
    dates,
    hashes,
    maths,
    networks,
    patterns,
    refused,
    rounding,
    series,
    sets,
    strings,
    urls,
    windows,
)
from stepsight_collector.kql.functions.table import call_function

if TYPE_CHECKING:
    from stepsight_collector.kql.functions.table import Function, Invocation
    from stepsight_collector.kql.scope import Bound

__all__ = ["FUNCTIONS", "bind_function"]

_FAMILIES: Final = (
    arrays,
    bags,
    conditions,
    converting,
    dates,
    hashes,
    maths,
    networks,
    patterns,
    rounding,
    series,
    sets,
    strings,
    urls,
    windows,
)
FUNCTIONS: Final[dict[str, Function]] = {
    function.name: function for family in _FAMILIES for function in family.FUNCTIONS
}


def bind_function(call: Invocation) -> Bound:
    """Bind a call by its function's row; an unknown one is a diagnostic with a suggestion."""
    name = call.node.name
    function = FUNCTIONS.get(name)
    if function is not None:
        return call_function(function, call)
    reason = refused.REFUSED.get(name)
    if reason is not None:
        return fail(
            call.scope, "unsupported", f"{name} is not supported", call.node.name_span, reason
        )
    return FAILED
