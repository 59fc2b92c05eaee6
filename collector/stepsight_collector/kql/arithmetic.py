"""`+ - * / %` and the minus sign, with KQL's types: whole numbers stay whole, times are ticks.

Null in, null out. Dividing a whole number by zero gives null, a real one infinity.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from stepsight_collector.kql.conversions import NUMBERS, convert, datetime_ticks, storable
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.literals import bind_constant, is_constant, null
from stepsight_collector.kql.scope import UNKNOWN, Bound
from stepsight_collector.kql.ticks import EPOCH, MAX_DATETIME, MIN_DATETIME, is_storable
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.scope import Scope

__all__ = ["add", "bind_arithmetic", "negate", "subtract"]

T = ScalarType
_WHOLE: Final = frozenset({T.INT, T.LONG})
_LONGEST: Final = (1 << 63) - 1


def bind_arithmetic(node: syntax.Binary, left: Bound, right: Bound, scope: Scope) -> Bound:
    """`left operator right`, both bound."""
    if has_failed(left) or has_failed(right):
        return left if has_failed(left) else right
    left, right = _settle(left, right, scope), _settle(right, left, scope)
    compute = _TABLE.get((node.operator, _kind(left), _kind(right)))
    if compute is None:
        return fail(
            scope,
            "wrong_type",
            f'"{node.operator}" does not take a {left.type.value} and a {right.type.value}',
            node.operator_span,
            _hint(node.operator, left, right),
        )
    if left.constant is None or right.constant is None:
        one, other = (replace(each, constant=UNKNOWN) for each in (left, right))
        return null(compute(one, other, scope).type)
    return compute(left, right, scope)


def add(left: Bound, right: Bound, scope: Scope) -> Bound:
    """`left + right` of types that can be added."""
    return _TABLE["+", _kind(left), _kind(right)](left, right, scope)


def subtract(left: Bound, right: Bound, scope: Scope) -> Bound:
    """`left - right` of types that can be subtracted."""
    return _TABLE["-", _kind(left), _kind(right)](left, right, scope)


def negate(node: syntax.Unary, operand: Bound, scope: Scope) -> Bound:
    """`-operand`, `+operand`."""
    if has_failed(operand):
        return operand
    if operand.type is T.DYNAMIC:
        operand = convert(operand, T.REAL, scope)
    if operand.type not in NUMBERS and operand.type is not T.TIMESPAN:
        found = operand.type.value
        message = f'"{node.operator}" takes a number or a timespan, found a {found}'
        return fail(scope, "wrong_type", message, node.span)
    kind = T.LONG if operand.type is T.INT else operand.type
    if node.operator == "+":
        return operand
    if operand.constant is None:
        return null(kind)
    if is_constant(operand):
        value = -cast("int", operand.constant)
        if kind is T.REAL or not isinstance(value, int) or -_LONGEST <= value <= _LONGEST:
            return bind_constant(scope, kind, value)
    return Bound(kind, f"(-{operand.sql})", is_nullable=operand.is_nullable)


def _kind(bound: Bound) -> str:
    if bound.type in _WHOLE:
        return "long"
    return bound.type.value


def _settle(bound: Bound, other: Bound, scope: Scope) -> Bound:
    """A dynamic takes the type that its partner wants."""
    if bound.type is not T.DYNAMIC:
        return bound
    wanted = {T.DATETIME: T.TIMESPAN, T.TIMESPAN: T.TIMESPAN, T.DECIMAL: T.DECIMAL}
    return convert(bound, wanted.get(other.type, T.REAL), scope)


def _hint(operator: str, left: Bound, right: Bound) -> str:
    if T.STRING in {left.type, right.type}:
        if operator == "+":
            return "To join texts, write strcat(a, b). To add numbers, write todouble(…)."
        return "Convert the text first: tolong(…), todouble(…), todatetime(…)."
    if left.type is T.DATETIME and right.type in NUMBERS:
        return "Add a timespan to a datetime: 1h, 1d, 5 * 1m."
    return ""


# -------------------------------------------------------------------------------------- numbers


def _fold(scope: Scope, kind: ScalarType, left: Bound, right: Bound, value: int) -> Bound | None:
    """The constant result, when both sides are known and it fits."""
    if is_constant(left) and is_constant(right) and -_LONGEST <= value <= _LONGEST:
        return bind_constant(scope, kind, value)
    return None


def _plain(operator: str, kind: ScalarType) -> Callable[[Bound, Bound, Scope], Bound]:
    def compute(left: Bound, right: Bound, scope: Scope) -> Bound:
        if (
            kind is not T.REAL
            and kind is not T.DECIMAL
            and is_constant(left)
            and is_constant(right)
        ):
            a, b = cast("int", left.constant), cast("int", right.constant)
            value = a + b if operator == "+" else a - b if operator == "-" else a * b
            folded = _fold(scope, kind, left, right, value)
            if folded:
                return folded
        sql = f"({left.sql} {operator} {right.sql})"
        return Bound(kind, sql, is_nullable=left.is_nullable or right.is_nullable)

    return compute


def _divide_whole(left: Bound, right: Bound, scope: Scope) -> Bound:
    divisor = right.constant
    if isinstance(divisor, int) and divisor not in {0, -1}:
        if isinstance(left.constant, int):
            quotient = abs(left.constant) // abs(divisor)
            sign = -1 if (left.constant < 0) != (divisor < 0) else 1
            return bind_constant(scope, T.LONG, sign * quotient)
        return Bound(
            T.LONG, f"toInt64(intDiv({left.sql}, {right.sql}))", is_nullable=left.is_nullable
        )
    return Bound(T.LONG, f"toInt64(intDivOrNull({left.sql}, {right.sql}))")


def _divide_real(left: Bound, right: Bound, _: Scope) -> Bound:
    sql = f"({left.sql} / {right.sql})"
    return Bound(T.REAL, sql, is_nullable=left.is_nullable or right.is_nullable)


def _modulo(kind: ScalarType) -> Callable[[Bound, Bound, Scope], Bound]:
    cast_to = "toFloat64" if kind is T.REAL else "toInt64"

    def compute(left: Bound, right: Bound, _: Scope) -> Bound:
        known = isinstance(right.constant, (int, float)) and right.constant != 0
        name = "positiveModulo" if known else "positiveModuloOrNull"
        sql = f"{cast_to}({name}({left.sql}, {right.sql}))"
        return Bound(kind, sql, is_nullable=not known or left.is_nullable)

    return compute


def _decimal(operator: str) -> Callable[[Bound, Bound, Scope], Bound]:
    def compute(left: Bound, right: Bound, scope: Scope) -> Bound:
        a, b = (
            f"toDecimal256({convert(each, T.DECIMAL, scope).sql}, 17)" for each in (left, right)
        )
        # A NULL holds a zero, by which the engine would divide all the same.
        none = f"ifNull({b}, toDecimal256(0, 17)) = 0"
        quotient = f"divideDecimal({a}, if({none}, toDecimal256(1, 17), assumeNotNull({b})), 17)"
        if operator == "/":
            sql = f"if({none}, NULL, {quotient})"
        elif operator == "*":
            sql = f"multiplyDecimal({a}, {b}, 17)"
        elif operator == "%":
            sql = f"if({none}, NULL, {a} - {b} * floor({quotient}))"
        else:
            sql = f"({a} {operator} {b})"
        return Bound(T.DECIMAL, f"accurateCastOrNull({sql}, 'Decimal(38, 17)')")

    return compute


# ---------------------------------------------------------------------------------------- times


def _shift(sign: int) -> Callable[[Bound, Bound, Scope], Bound]:
    """A datetime and a timespan; null where the engine cannot hold the result."""

    def compute(moment: Bound, span: Bound, scope: Scope) -> Bound:
        if moment.type is T.TIMESPAN:
            moment, span = span, moment
        if isinstance(moment.constant, int) and isinstance(span.constant, int):
            return bind_constant(scope, T.DATETIME, moment.constant + sign * span.constant)
        if isinstance(span.constant, int):
            return _shifted(moment, sign * span.constant, scope)
        operator = "+" if sign > 0 else "-"
        total = f"(toInt128({datetime_ticks(moment.sql)}) {operator} {span.sql})"
        return Bound(T.DATETIME, storable(total))

    return compute


def _shifted(moment: Bound, shift: int, scope: Scope) -> Bound:
    """A datetime so many ticks later: one comparison says whether the engine can hold it."""
    last = (MAX_DATETIME if shift > 0 else MIN_DATETIME) - shift
    if not is_storable(last):
        return null(T.DATETIME)
    end = bind_constant(scope, T.DATETIME, last).sql
    ns = bind_constant(scope, T.LONG, shift * 100).sql
    later = f"fromUnixTimestamp64Nano(toUnixTimestamp64Nano({moment.sql}) + {ns}, 'UTC')"
    fits = f"{moment.sql} {'<=' if shift > 0 else '>='} {end}"
    return Bound(T.DATETIME, f"if({fits}, {later}, NULL)")


def _elapsed(left: Bound, right: Bound, scope: Scope) -> Bound:
    if isinstance(left.constant, int) and isinstance(right.constant, int):
        return bind_constant(scope, T.TIMESPAN, left.constant - right.constant)
    sql = f"({_ticks_of(left, scope)} - {_ticks_of(right, scope)})"
    return Bound(T.TIMESPAN, sql, is_nullable=left.is_nullable or right.is_nullable)


def _ticks_of(moment: Bound, scope: Scope) -> str:
    """Ticks from 1970, also of a constant that the engine cannot hold as a datetime."""
    if isinstance(moment.constant, int):
        return bind_constant(scope, T.LONG, moment.constant - EPOCH).sql
    return datetime_ticks(moment.sql)


def _scale(left: Bound, right: Bound, scope: Scope) -> Bound:
    span, factor = (left, right) if left.type is T.TIMESPAN else (right, left)
    if isinstance(span.constant, int) and isinstance(factor.constant, (int, float)):
        product = span.constant * factor.constant
        if math.isfinite(product) and abs(product) < _LONGEST:
            return bind_constant(scope, T.TIMESPAN, round(product))
    if factor.type in _WHOLE:
        is_nullable = span.is_nullable or factor.is_nullable
        return Bound(T.TIMESPAN, f"({span.sql} * {factor.sql})", is_nullable=is_nullable)
    product_sql = f"{span.sql} * toFloat64({factor.sql})"
    return Bound(T.TIMESPAN, f"accurateCastOrNull(round({product_sql}), 'Int64')")


def _shrink(span: Bound, divisor: Bound, scope: Scope) -> Bound:
    if divisor.type in _WHOLE:
        quotient = _divide_whole(span, divisor, scope)
        if is_constant(quotient):
            return bind_constant(scope, T.TIMESPAN, quotient.constant)
        return Bound(T.TIMESPAN, quotient.sql, is_nullable=quotient.is_nullable)
    sql = f"round({span.sql} / toFloat64({divisor.sql}))"
    return Bound(T.TIMESPAN, f"accurateCastOrNull({sql}, 'Int64')")


_TABLE: Final[dict[tuple[str, str, str], Callable[[Bound, Bound, Scope], Bound]]] = {
    **{(each, "long", "long"): _plain(each, T.LONG) for each in "+-*"},
    **{
        (each, left, right): _plain(each, T.REAL)
        for each in "+-*"
        for left, right in (("real", "real"), ("real", "long"), ("long", "real"))
    },
    **{
        (each, left, right): _decimal(each)
        for each in "+-*/%"
        for left in ("decimal", "long", "real")
        for right in ("decimal", "long", "real")
        if "decimal" in {left, right}
    },
    ("/", "long", "long"): _divide_whole,
    ("/", "real", "real"): _divide_real,
    ("/", "real", "long"): _divide_real,
    ("/", "long", "real"): _divide_real,
    ("%", "long", "long"): _modulo(T.LONG),
    ("%", "real", "real"): _modulo(T.REAL),
    ("%", "real", "long"): _modulo(T.REAL),
    ("%", "long", "real"): _modulo(T.REAL),
    ("%", "timespan", "timespan"): _modulo(T.TIMESPAN),
    ("+", "datetime", "timespan"): _shift(1),
    ("+", "timespan", "datetime"): _shift(1),
    ("-", "datetime", "timespan"): _shift(-1),
    ("-", "datetime", "datetime"): _elapsed,
    ("+", "timespan", "timespan"): _plain("+", T.TIMESPAN),
    ("-", "timespan", "timespan"): _plain("-", T.TIMESPAN),
    ("/", "timespan", "timespan"): _divide_real,
    **{("*", "timespan", each): _scale for each in ("long", "real", "decimal")},
    **{("*", each, "timespan"): _scale for each in ("long", "real", "decimal")},
    **{("/", "timespan", each): _shrink for each in ("long", "real", "decimal")},
}
