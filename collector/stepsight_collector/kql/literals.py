"""Constants as the engine gets them: typed placeholders, and NULLs of a type.

A value of the user's is always a parameter. NULL, true and false are text of ours.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, cast

from stepsight_collector.kql import ticks
from stepsight_collector.kql.scope import UNKNOWN, Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.scope import Scope

__all__ = [
    "ENGINE_TYPES",
    "bind_constant",
    "bind_text",
    "dump_json",
    "is_constant",
    "null",
    "python_text",
]

ENGINE_TYPES: Final = {
    ScalarType.BOOL: "Bool",
    ScalarType.INT: "Int32",
    ScalarType.LONG: "Int64",
    ScalarType.REAL: "Float64",
    ScalarType.DECIMAL: "Decimal(38, 17)",
    ScalarType.STRING: "String",
    ScalarType.DATETIME: "DateTime64(9, 'UTC')",
    ScalarType.TIMESPAN: "Int64",
    ScalarType.GUID: "String",
    ScalarType.DYNAMIC: "String",
}
_NULLS: Final = {
    kind: Bound(kind, f"CAST(NULL, '{text}')", constant=None)
    for kind, text in {
        each: "Nullable(" + name.replace("'", "\\'") + ")" for each, name in ENGINE_TYPES.items()
    }.items()
}


def null(kind: ScalarType) -> Bound:
    """The null of a type; a string's is the empty text."""
    if kind is ScalarType.STRING:
        return Bound(kind, "''", is_nullable=False, constant="")
    return _NULLS[kind]


def is_constant(bound: Bound) -> bool:
    """Whether the value is known when compiling."""
    return bound.constant is not UNKNOWN


def bind_constant(scope: Scope, kind: ScalarType, value: object) -> Bound:
    """A value of a type, as in `syntax.Literal`, as a placeholder.

    A datetime that the engine cannot hold becomes NULL, but keeps its `constant`.
    """
    if value is None:
        return null(kind)
    if kind is ScalarType.BOOL:
        return Bound(kind, "true" if value else "false", is_nullable=False, constant=value)
    given: object = value
    if kind is ScalarType.DATETIME:
        moment = cast("int", value)
        if not ticks.is_storable(moment):
            return Bound(kind, _NULLS[kind].sql, constant=value)
        given = ticks.engine_datetime(moment)
    elif kind is ScalarType.DYNAMIC:
        given = dump_json(value)
    elif kind is ScalarType.DECIMAL:
        given = str(value)
    sql = scope.statement.parameters.add(given, ENGINE_TYPES[kind])
    return Bound(kind, sql, is_nullable=False, constant=value)


def bind_text(scope: Scope, value: str) -> str:
    """The placeholder of a text that we made of the user's."""
    return scope.statement.parameters.add(value, "String")


def dump_json(value: object) -> str:
    """JSON text of a dynamic literal's value, as the engine prints JSON: no spaces.

    >>> dump_json({"a": [1, "é"]})
    '{"a":[1,"é"]}'
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def python_text(kind: ScalarType, value: object) -> str:
    """What tostring() makes of a constant.

    >>> python_text(ScalarType.BOOL, True)
    'True'
    """
    if value is None:
        return ""
    if kind is ScalarType.DATETIME:
        return ticks.print_datetime(cast("int", value))
    if kind is ScalarType.TIMESPAN:
        return ticks.print_timespan(cast("int", value))
    if kind is ScalarType.REAL:
        return _real_text(cast("float", value))
    if kind is ScalarType.DYNAMIC and not isinstance(value, str):
        return dump_json(value)
    return str(cast("Any", value))


def _real_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - as many digits as a double holds
