"""Values as KQL prints them: as text, as `tostring()` does, and as JSON.

The SQL of a value's text is never NULL; the SQL of its JSON is where the value is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.failing import has_failed
from stepsight_collector.kql.literals import bind_constant, is_constant, python_text
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.ticks import DAY, SECOND
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.scope import Scope

__all__ = ["NUMBERS", "as_json", "as_text", "json_sql", "path_sql", "text_sql"]

T = ScalarType
NUMBERS: Final = frozenset({T.INT, T.LONG, T.REAL, T.DECIMAL})
# Around what JSONExtractRaw is given; JSONExtractString makes the text of the same at once.
_PATH: Final = ("nullIf(nullIf(JSONExtractRaw(", "), ''), 'null')")


def text_sql(bound: Bound) -> str:
    """What tostring() makes of a value: a String, never NULL."""
    if bound.plain and bound.form is Form.TEXT:
        return bound.plain
    sql = _TEXTS[bound.type](bound)
    keeps = bound.type is T.STRING or bound.form is Form.MAP
    return f"ifNull({sql}, '')" if bound.is_nullable and not keeps else sql


def as_text(bound: Bound, scope: Scope) -> Bound:
    """The value as a string."""
    if bound.type is T.STRING or has_failed(bound):
        return bound
    if is_constant(bound):
        return bind_constant(scope, T.STRING, python_text(bound.type, bound.constant))
    return Bound(T.STRING, text_sql(bound), is_nullable=False)


def _real_text(bound: Bound) -> str:
    sql = bound.sql
    return (
        f"multiIf(isNaN({sql}), 'NaN', isInfinite({sql}), if({sql} > 0, 'Infinity', '-Infinity'), "
        f"toString({sql}))"
    )


def _datetime_text(bound: Bound) -> str:
    text = f"toString({bound.sql}, 'UTC')"
    return f"concat(substring({text}, 1, 10), 'T', substring({text}, 12, 16), 'Z')"


def _timespan_text(bound: Bound) -> str:
    size = f"abs({bound.sql})"
    return (
        f"concat(if({bound.sql} < 0, '-', ''), "
        f"if({size} >= {DAY}, concat(toString(intDiv({size}, {DAY})), '.'), ''), "
        f"formatDateTime(toDateTime(intDiv({size} % {DAY}, {SECOND}), 'UTC'), '%T'), "
        f"if({size} % {SECOND} = 0, '', concat('.', leftPad(toString({size} % {SECOND}), 7, '0'))))"
    )


def _dynamic_text(bound: Bound) -> str:
    if bound.form is Form.MAP:
        return f"toJSONString({bound.sql})"
    if bound.form is Form.TEXT:
        return bound.sql
    if bound.sql.startswith(_PATH[0]):
        return f"JSONExtractString({bound.sql.removeprefix(_PATH[0]).removesuffix(_PATH[1])})"
    return f"JSONExtractString({bound.sql})"


def path_sql(text: str, path: str) -> str:
    """The JSON value at a path in a text, NULL where there is none; `path` is SQL of its steps."""
    return f"{_PATH[0]}{text}, {path}{_PATH[1]}"


_TEXTS: Final[dict[ScalarType, Callable[[Bound], str]]] = {
    T.BOOL: lambda bound: (
        f"if(isNull({bound.sql}), '', if({bound.sql}, 'True', 'False'))"
        if bound.is_nullable
        else f"if({bound.sql}, 'True', 'False')"
    ),
    T.INT: lambda bound: f"toString({bound.sql})",
    T.LONG: lambda bound: f"toString({bound.sql})",
    T.REAL: _real_text,
    T.DECIMAL: lambda bound: f"toString({bound.sql})",
    T.STRING: lambda bound: bound.sql,
    T.DATETIME: _datetime_text,
    T.TIMESPAN: _timespan_text,
    T.GUID: lambda bound: bound.sql,
    T.DYNAMIC: _dynamic_text,
}


# ---------------------------------------------------------------------------------------- JSON


def json_sql(bound: Bound) -> str:
    """The value as JSON text: Nullable(String) when it may be null, else String."""
    if bound.type is T.DYNAMIC:
        if bound.form is Form.JSON:
            return bound.sql
        return f"toJSONString({bound.sql})"
    if bound.type is T.BOOL:
        plain = f"if({bound.sql}, 'true', 'false')"
        return f"if(isNull({bound.sql}), NULL, {plain})" if bound.is_nullable else plain
    if bound.type in NUMBERS:
        return f"toJSONString({bound.sql})" if bound.type is T.REAL else f"toString({bound.sql})"
    return f"toJSONString({_TEXTS[bound.type](bound)})"


def as_json(bound: Bound) -> Bound:
    """Any value as a dynamic in Form.JSON."""
    if bound.type is T.DYNAMIC and bound.form is Form.JSON:
        return bound
    is_nullable = bound.is_nullable and bound.form is not Form.MAP
    return Bound(T.DYNAMIC, json_sql(bound), is_nullable=is_nullable, constant=bound.constant)
