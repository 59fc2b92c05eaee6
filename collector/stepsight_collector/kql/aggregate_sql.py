"""The SQL of KQL's aggregates: what each row of `aggregate_table.py` emits.

Nulls are passed over. An aggregate that can be null has an engine's -OrNull form, so that nothing
comes of no rows; the others never are NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import (
    NUMBERS,
    convert,
    datetime_ticks,
    from_ticks,
    json_sql,
    text_sql,
)
from stepsight_collector.kql.failing import FAILED
from stepsight_collector.kql.functions.elements import array_json
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = [
    "combinator",
    "emit_any_if",
    "emit_avg",
    "emit_bits",
    "emit_count",
    "emit_covariance",
    "emit_distinct",
    "emit_extreme",
    "emit_never",
    "emit_percentile",
    "emit_percentiles_array",
    "emit_percentilew",
    "emit_spread",
    "emit_sum",
    "quantile",
]

T = ScalarType


def _measure(call: Invocation, place: int = 0, *, datetimes: bool = False) -> Bound | None:
    """An argument that can be added up; a dynamic counts as a number. None: it cannot."""
    value = call.arguments[place]
    if value.type is T.DYNAMIC:
        return convert(value, T.REAL, call.scope)
    if (
        value.type in NUMBERS
        or value.type is T.TIMESPAN
        or (datetimes and value.type is T.DATETIME)
    ):
        return value
    message = f"{call.node.name} takes a number or a timespan, found a {value.type.value}"
    hint = "Convert it: todouble(…), tolong(…)." if value.type is T.STRING else ""
    call.fail("wrong_type", message, hint, place)
    return None


def combinator(call: Invocation, has_condition: bool) -> tuple[str, str]:
    """The combinator's name and its last argument."""
    return ("If", f", {_condition(call)}") if has_condition else ("", "")


def _condition(call: Invocation) -> str:
    """The second argument, never NULL: else the engine's result could be."""
    condition = call.arguments[1]
    return f"ifNull({condition.sql}, 0)" if condition.is_nullable else condition.sql


def emit_sum(has_condition: bool) -> Callable[[Invocation], Bound]:
    """The sum; 0 of nothing."""

    def emit(call: Invocation) -> Bound:
        value = _measure(call)
        if value is None:
            return FAILED
        suffix, condition = combinator(call, has_condition)
        kind = T.LONG if value.type is T.INT else value.type
        sql = f"sum{suffix}({value.sql}{condition})"
        return Bound(kind, f"ifNull({sql}, 0)" if value.is_nullable else sql, is_nullable=False)

    return emit


def emit_avg(has_condition: bool) -> Callable[[Invocation], Bound]:
    """The mean; of datetimes in whole ticks."""

    def emit(call: Invocation) -> Bound:
        value = _measure(call, datetimes=True)
        if value is None:
            return FAILED
        suffix, condition = combinator(call, has_condition)
        if value.type is T.DATETIME:
            ticks = f"toInt128({datetime_ticks(value.sql)})"
            total, count = (
                f"sumOrNull{suffix}({ticks}{condition})",
                f"count{suffix}({value.sql}{condition})",
            )
            return Bound(T.DATETIME, from_ticks(f"toInt64(intDivOrNull({total}, {count}))"))
        sql = f"avgOrNull{suffix}({value.sql}{condition})"
        if value.type is T.TIMESPAN:
            return Bound(T.TIMESPAN, f"accurateCastOrNull(round({sql}), 'Int64')")
        if value.type is T.DECIMAL:
            return Bound(T.DECIMAL, f"accurateCastOrNull({sql}, 'Decimal(38, 17)')")
        return Bound(T.REAL, sql)

    return emit


def emit_extreme(name: str, has_condition: bool) -> Callable[[Invocation], Bound]:
    """The smallest or the largest value."""

    def emit(call: Invocation) -> Bound:
        value = call.arguments[0]
        if value.type is T.DYNAMIC:
            message = f"{call.node.name} needs values that have an order, found a dynamic"
            return call.fail("wrong_type", message, "Convert it: todouble(…), tostring(…).", 0)
        suffix, condition = combinator(call, has_condition)
        if value.type is T.STRING:
            return Bound(T.STRING, f"{name}{suffix}({value.sql}{condition})", is_nullable=False)
        return Bound(value.type, f"{name}OrNull{suffix}({value.sql}{condition})")

    return emit


def emit_count(call: Invocation) -> Bound:
    """How many rows there are, or a condition is true for."""
    sql = f"countIf({call.sql(0)})" if call.has(0) else "count()"
    return Bound(T.LONG, f"toInt64({sql})", is_nullable=False)


def emit_distinct(engine: str, has_condition: bool) -> Callable[[Invocation], Bound]:
    """How many different values there are."""

    def emit(call: Invocation) -> Bound:
        value = call.arguments[0]
        name, _, parameters = engine.partition("(")
        suffix, condition = combinator(call, has_condition)
        sql = value.sql
        if value.type is T.DYNAMIC and value.form is Form.MAP:
            sql = text_sql(value)
        parameters = f"({parameters}" if parameters else ""
        count = f"toInt64({name}{suffix}{parameters}({sql}{condition}))"
        # Of nothing but nulls the engine's count is NULL.
        sure = f"ifNull({count}, 0)" if value.is_nullable else count
        return Bound(T.LONG, sure, is_nullable=False)

    return emit


# Rank statistics are exact up to some 10,000 values a group; beyond, within 0.01 % of the rank.
_GK: Final = "GKOrNull(10000, "


def quantile(call: Invocation, place: int, share: float, *, weight: str = "") -> Bound | None:
    """The nearest rank of a share; in whole numbers for times, whose type it keeps."""
    value = _measure(call, place, datetimes=True)
    if value is None:
        return None
    kind = T.LONG if value.type is T.INT else value.type
    sql = datetime_ticks(value.sql) if kind is T.DATETIME else value.sql
    if kind is T.DECIMAL:
        sql, kind = f"toFloat64({sql})", T.REAL
    level = repr(share)
    if weight:
        count = f"accurateCastOrNull(trunc(greatest({weight}, 0)), 'UInt64')"
        found = f"quantileExactWeightedOrNull({level})({sql}, {count})"
    else:
        found = f"quantile{_GK}{level})({sql})"
    return Bound(kind, from_ticks(found) if kind is T.DATETIME else found)


def emit_percentile(call: Invocation) -> Bound:
    """The value of the nearest rank."""
    share = _share(call, 1)
    found = None if share is None else quantile(call, 0, share)
    return found or FAILED


def emit_percentilew(call: Invocation) -> Bound:
    """The value of the nearest rank, where a value stands for several."""
    share = _share(call, 2)
    found = None if share is None else quantile(call, 0, share, weight=call.sql(1))
    return found or FAILED


def _share(call: Invocation, place: int) -> float | None:
    value = call.constant(place)
    if isinstance(value, (int, float)) and 0 <= value <= 100:  # noqa: PLR2004 - per cent
        return value / 100
    message = f"a percentile is a number from 0 to 100, found {value}"
    call.fail("bad_value", message, "It is percentile(column, 95).", place)
    return None


def emit_percentiles_array(call: Invocation) -> Bound:
    """Several percentiles in an array."""
    values = call.constant(1)
    shares = values if isinstance(values, list) else [each.constant for each in call.arguments[1:]]
    numbers = [float(each) for each in shares if isinstance(each, (int, float))]
    if len(numbers) != len(shares) or not all(0 <= each <= 100 for each in numbers):  # noqa: PLR2004 - per cent
        message = "percentiles_array wants constant numbers from 0 to 100, or an array of them"
        return call.fail("wrong_arguments", message, place=1)
    found = [quantile(call, 0, each / 100) for each in numbers]
    parts = [f"ifNull({json_sql(each)}, 'null')" for each in found if each is not None]
    if len(parts) != len(shares):
        return FAILED
    return Bound(T.DYNAMIC, array_json(f"[{', '.join(parts)}]"), is_nullable=False)


def emit_spread(engine: str, *, has_condition: bool, least: int) -> Callable[[Invocation], Bound]:
    """Variance and its root; 0 of fewer values than it needs."""

    def emit(call: Invocation) -> Bound:
        value = _measure(call)
        if value is None:
            return FAILED
        suffix, condition = combinator(call, has_condition)
        sql = f"toFloat64({value.sql})"
        found = f"{engine}{suffix}({sql}{condition})"
        count = f"count{suffix}({value.sql}{condition})"
        return Bound(
            T.REAL, f"if({count} >= {least}, assumeNotNull({found}), 0.0)", is_nullable=False
        )

    return emit


def emit_covariance(engine: str, least: int) -> Callable[[Invocation], Bound]:
    """The covariance; 0 of fewer pairs than it needs."""

    def emit(call: Invocation) -> Bound:
        one, other = _measure(call, 0), _measure(call, 1)
        if one is None or other is None:
            return FAILED
        both = f"toFloat64({one.sql}), toFloat64({other.sql})"
        count = f"countIf(isNotNull({one.sql}) AND isNotNull({other.sql}))"
        return Bound(
            T.REAL,
            f"if({count} >= {least}, assumeNotNull({engine}({both})), 0.0)",
            is_nullable=False,
        )

    return emit


def emit_any_if(call: Invocation) -> Bound:
    """A value of some row for which a condition is true."""
    value = call.arguments[0]
    if value.type is T.STRING:
        return Bound(T.STRING, f"anyIf({value.sql}, {_condition(call)})", is_nullable=False)
    if value.form is Form.MAP:
        return Bound(
            value.type,
            f"anyIf({value.sql}, {_condition(call)})",
            is_nullable=False,
            form=value.form,
        )
    return Bound(value.type, f"anyOrNullIf({value.sql}, {_condition(call)})", form=value.form)


def emit_bits(engine: str) -> Callable[[Invocation], Bound]:
    """What the bits of all the numbers make."""
    return lambda call: Bound(T.LONG, f"toInt64({engine}({call.sql(0)}))", is_nullable=False)


def emit_never(call: Invocation) -> Bound:
    """Refuse a call that must give several columns where it cannot."""
    message = f"{call.node.name} is bound with its columns"
    return call.fail("wrong_arguments", message)
