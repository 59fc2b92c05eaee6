"""From one type to another: `tolong()` and its like, and where an operator converts by itself.

A conversion that fails gives null, and the empty text for a string. Nothing here raises.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.failing import has_failed
from stepsight_collector.kql.literals import (
    bind_constant,
    bind_text,
    is_constant,
    null,
)
from stepsight_collector.kql.printing import (
    NUMBERS,
    as_json,
    as_text,
    json_sql,
    path_sql,
    text_sql,
)
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.ticks import DAY, EPOCH, MAX_DATETIME, MIN_DATETIME, SECOND
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.scope import Scope

__all__ = [
    "NUMBERS",
    "as_json",
    "as_text",
    "convert",
    "datetime_ticks",
    "from_ticks",
    "json_sql",
    "parse_json",
    "path_sql",
    "storable",
    "text_sql",
]

T = ScalarType
_INTEGERS: Final = {T.INT: "Int32", T.LONG: "Int64"}


# ----------------------------------------------------------------------------------- datetimes


def datetime_ticks(sql: str) -> str:
    """A datetime as ticks from 1970: exact, and far from the ends of 64 bits."""
    return f"intDiv(toUnixTimestamp64Nano({sql}), 100)"


def from_ticks(sql: str) -> str:
    """A datetime from ticks from 1970; the caller sees to the range."""
    return f"fromUnixTimestamp64Nano(({sql}) * 100, 'UTC')"


def _text_datetime(sql: str) -> str:
    """Read a text as todatetime() does: ISO forms, then month first.

    A bare number of seconds is not a datetime in KQL.
    """
    read = f"parseDateTime64BestEffortUSOrNull(trimBoth({sql}), 9, 'UTC')"
    number = f"match({sql}, '^\\\\s*[0-9]{{5,7}}\\\\s*$|^\\\\s*[0-9]{{9,}}\\\\s*$')"
    return f"if({number} OR toYear({read}) < 1678, NULL, {read})"


def _text_timespan(sql: str) -> str:
    """Read `[-][d.]hh:mm[:ss[.fffffff]]`, a number of days, or a literal such as `1.5h`."""
    clock = (
        f"extractGroups({sql}, '^\\\\s*(-?)(?:(\\\\d+)\\\\.)?(\\\\d{{1,2}}):(\\\\d{{1,2}})"
        f"(?::(\\\\d{{1,2}})(?:\\\\.(\\\\d{{1,7}}))?)?\\\\s*$')"
    )
    units = (
        "days?|d|hours?|hr|h|minutes?|min|m|seconds?|sec|s|milliseconds?|ms|microseconds?|ticks?"
    )
    short = f"extractGroups({sql}, '^\\\\s*(-?\\\\d+(?:\\\\.\\\\d+)?)\\\\s*({units})?\\\\s*$')"
    sizes = (
        f"multiIf(u = '' OR startsWith(u, 'd'), {DAY}, startsWith(u, 'h'), {DAY // 24}, "
        f"startsWith(u, 'mil') OR u = 'ms', 10000, startsWith(u, 'mic'), 10, "
        f"startsWith(u, 'm'), {60 * SECOND}, startsWith(u, 't'), 1, {SECOND})"
    )
    of_clock = (
        f"if(g[1] = '-', -1, 1) * (toInt64OrZero(g[2]) * {DAY} + toInt64OrZero(g[3]) * {DAY // 24}"
        f" + toInt64OrZero(g[4]) * {60 * SECOND} + toInt64OrZero(g[5]) * {SECOND}"
        " + toInt64OrZero(rightPad(g[6], 7, '0')))"
    )
    of_short = f"accurateCastOrNull(round(toFloat64OrZero(n) * {sizes}), 'Int64')"
    return (
        f"arrayElementOrNull(arrayMap(g -> if(length(g) = 6, toNullable({of_clock}), "
        f"arrayElementOrNull(arrayMap((n, u) -> if(n = '', NULL, {of_short}), "
        f"[{short}[1]], [{short}[2]]), 1)), [{clock}]), 1)"
    )


# ----------------------------------------------------------------------------------- conversion


def convert(bound: Bound, kind: ScalarType, scope: Scope) -> Bound:
    """The value as `kind`, as the function `to<kind>()` converts it; null where it cannot."""
    if has_failed(bound) or (bound.type is kind and bound.type is not T.DYNAMIC):
        return bound
    if bound.constant is None:
        return null(kind)
    if kind is T.STRING:
        return as_text(bound, scope)
    if kind is T.DYNAMIC:
        return as_json(bound)
    if bound.type is T.DYNAMIC:
        return _convert_dynamic(bound, kind, scope)
    return _CONVERSIONS[kind](bound, scope)


def _convert_dynamic(bound: Bound, kind: ScalarType, scope: Scope) -> Bound:
    """A dynamic by its text: a number in a dimension is a text too."""
    if is_constant(bound) and isinstance(bound.constant, (bool, int, float)):
        literal = bound.constant
        of = T.BOOL if isinstance(literal, bool) else T.LONG if isinstance(literal, int) else T.REAL
        return convert(bind_constant(scope, of, literal), kind, scope)
    text = as_text(bound, scope)
    return _CONVERSIONS[kind](text, scope)


def _to_bool(bound: Bound, scope: Scope) -> Bound:
    if bound.type is T.STRING:
        if is_constant(bound):
            known = {"true": True, "1": True, "false": False, "0": False}
            return bind_constant(scope, T.BOOL, known.get(str(bound.constant).strip().lower()))
        text = f"lower(trimBoth({bound.sql}))"
        return Bound(
            T.BOOL, f"multiIf({text} IN ('true', '1'), 1, {text} IN ('false', '0'), 0, NULL)"
        )
    if bound.type in NUMBERS or bound.type is T.TIMESPAN:
        return Bound(T.BOOL, f"({bound.sql} != 0)", is_nullable=bound.is_nullable)
    return null(T.BOOL)


def _to_integer(bound: Bound, scope: Scope, kind: ScalarType) -> Bound:  # noqa: PLR0911 - one a type
    engine = _INTEGERS[kind]
    if bound.type is T.STRING:
        text = f"trimBoth({bound.sql})"
        whole = f"accurateCastOrNull(trunc(toFloat64OrNull({text})), '{engine}')"
        return Bound(kind, f"ifNull(to{engine}OrNull({text}), {whole})")
    if is_constant(bound) and isinstance(bound.constant, int) and bound.type in _INTEGERS:
        fits = kind is T.LONG or -(1 << 31) <= bound.constant < 1 << 31
        return bind_constant(scope, kind, bound.constant if fits else None)
    if bound.type is T.BOOL or (bound.type is T.INT and kind is T.LONG):
        return Bound(kind, f"to{engine}({bound.sql})", is_nullable=bound.is_nullable)
    if bound.type in {T.LONG, T.TIMESPAN}:
        if kind is T.LONG:
            return Bound(kind, bound.sql, is_nullable=bound.is_nullable)
        return Bound(kind, f"accurateCastOrNull({bound.sql}, '{engine}')")
    if bound.type is T.REAL:
        return Bound(kind, f"accurateCastOrNull(trunc({bound.sql}), '{engine}')")
    if bound.type is T.DECIMAL:
        return Bound(kind, f"accurateCastOrNull(toInt128({bound.sql}), '{engine}')")
    if bound.type is T.DATETIME:
        ticks = f"({datetime_ticks(bound.sql)} + {EPOCH})"
        return _to_integer(Bound(T.LONG, ticks, is_nullable=bound.is_nullable), scope, kind)
    return null(kind)


def _to_real(bound: Bound, scope: Scope) -> Bound:
    if is_constant(bound) and bound.type in _INTEGERS:
        return bind_constant(scope, T.REAL, float(str(bound.constant)))
    if bound.type is T.STRING:
        return Bound(T.REAL, f"toFloat64OrNull(trimBoth({bound.sql}))")
    if bound.type is T.DATETIME:
        return _to_real(_to_integer(bound, scope, T.LONG), scope)
    if bound.type in NUMBERS or bound.type in {T.BOOL, T.TIMESPAN}:
        return Bound(T.REAL, f"toFloat64({bound.sql})", is_nullable=bound.is_nullable)
    return null(T.REAL)


def _to_decimal(bound: Bound, _: Scope) -> Bound:
    if bound.type is T.STRING:
        return Bound(T.DECIMAL, f"toDecimal128OrNull(trimBoth({bound.sql}), 17)")
    if bound.type in NUMBERS or bound.type is T.BOOL:
        return Bound(T.DECIMAL, f"accurateCastOrNull({bound.sql}, 'Decimal(38, 17)')")
    return null(T.DECIMAL)


def _to_datetime(bound: Bound, scope: Scope) -> Bound:
    if bound.type is T.STRING:
        return Bound(T.DATETIME, _text_datetime(bound.sql))
    if is_constant(bound) and isinstance(bound.constant, int) and bound.type in _INTEGERS:
        return bind_constant(scope, T.DATETIME, bound.constant)
    if bound.type in NUMBERS or bound.type is T.TIMESPAN:
        return Bound(T.DATETIME, storable(f"({_to_integer(bound, scope, T.LONG).sql} - {EPOCH})"))
    return null(T.DATETIME)


def storable(ticks_sql: str) -> str:
    """A datetime from ticks from 1970, of 64 bits or more; NULL where the engine cannot hold it."""
    fits = f"{ticks_sql} BETWEEN {MIN_DATETIME - EPOCH} AND {MAX_DATETIME - EPOCH}"
    return f"if({fits}, {from_ticks(f'toInt64({ticks_sql})')}, NULL)"


def _to_timespan(bound: Bound, scope: Scope) -> Bound:
    if bound.type is T.STRING:
        return Bound(T.TIMESPAN, _text_timespan(bound.sql))
    if is_constant(bound) and isinstance(bound.constant, int) and bound.type in _INTEGERS:
        return bind_constant(scope, T.TIMESPAN, bound.constant)
    if bound.type in _INTEGERS:
        return Bound(T.TIMESPAN, f"toInt64({bound.sql})", is_nullable=bound.is_nullable)
    if bound.type is T.REAL:
        return Bound(T.TIMESPAN, f"accurateCastOrNull(trunc({bound.sql}), 'Int64')")
    return null(T.TIMESPAN)


def _to_guid(bound: Bound, scope: Scope) -> Bound:
    if bound.type is not T.STRING:
        return null(T.GUID)
    pattern = bind_text(scope, "^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$")
    bare = f"trim(BOTH '(){{}}' FROM lower(trimBoth({bound.sql})))"
    return Bound(T.GUID, f"if(match({bare}, {pattern}), toString(toUUIDOrNull({bare})), NULL)")


_CONVERSIONS: Final[dict[ScalarType, Callable[[Bound, Scope], Bound]]] = {
    T.BOOL: _to_bool,
    T.INT: lambda bound, scope: _to_integer(bound, scope, T.INT),
    T.LONG: lambda bound, scope: _to_integer(bound, scope, T.LONG),
    T.REAL: _to_real,
    T.DECIMAL: _to_decimal,
    T.DATETIME: _to_datetime,
    T.TIMESPAN: _to_timespan,
    T.GUID: _to_guid,
}


def parse_json(bound: Bound, scope: Scope) -> Bound:
    """The value of a JSON text; a text that is not JSON is a dynamic string.

    Keeps the unparsed text, so that a path into it is walked at once.
    """
    if bound.type is T.DYNAMIC and bound.form is not Form.TEXT:
        return bound
    if is_constant(bound) and isinstance(bound.constant, str):
        return bind_constant(scope, T.DYNAMIC, _parse_constant(bound.constant))
    text = text_sql(bound)
    parsed = f"nullIf(JSONExtractRaw({text}), '')"
    whole = f"ifNull({parsed}, if({text} = '', NULL, toJSONString({text})))"
    return Bound(T.DYNAMIC, f"nullIf({whole}, 'null')", plain=text)


def _parse_constant(text: str) -> object:
    try:
        return json.loads(text, parse_constant=float.fromhex)
    except ValueError:
        return text or None
