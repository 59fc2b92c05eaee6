"""Functions on numbers. What has no value (the root of a negative number) is null."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import NUMBERS
from stepsight_collector.kql.functions.table import Function, Invocation, alias
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS"]

T = ScalarType


def _real(name: str, sql: str, doc: str, example: str, naming: str = "first") -> Function:
    return Function(name, "number:real", T.REAL, sql, doc, example, 2, naming)


def _partial(name: str, condition: str, sql: str, doc: str, example: str) -> Function:
    """A function that is null outside of its domain."""

    def emit(call: Invocation) -> Bound:
        x = f"toFloat64({call.sql(0)})"
        return Bound(T.REAL, f"if({condition.format(x)}, {sql.format(x)}, NULL)")

    return Function(name, "number:real", None, emit, doc, example, 2, "first")


def _abs(call: Invocation) -> Bound:
    value = call.arguments[0]
    if value.type is T.DYNAMIC or (value.type not in NUMBERS and value.type is not T.TIMESPAN):
        message = f"abs takes a number or a timespan, found a {value.type.value}"
        return call.fail("wrong_type", message, "Write todouble(…).", 0)
    kind = T.LONG if value.type is T.INT else value.type
    sql = f"abs({value.sql})"
    if kind in {T.LONG, T.TIMESPAN}:
        sql = f"toInt64({sql})"
    return replace(value, type=kind, sql=sql, constant=Bound(kind, "").constant)


def _rand(call: Invocation) -> Bound:
    if not call.has(0):
        return Bound(T.REAL, "(rand64() / 18446744073709551616.0)", is_nullable=False)
    return Bound(
        T.REAL, f"toFloat64(rand64() % toUInt64(greatest({call.sql(0)}, 1)))", is_nullable=False
    )


def _bits(name: str, engine: str, word: str, example: str) -> Function:
    return Function(
        name, "one:long, other:long", T.LONG, f"toInt64({engine}({{0}}, {{1}}))",
        word, example, 2, "first",
    )  # fmt: skip


def _shifted(left: bool) -> Callable[[Invocation], Bound]:
    """A shift by no bits below zero and none above 63, as the processor has it."""
    engine = "bitShiftLeft" if left else "bitShiftRight"
    return lambda call: call.made(
        T.LONG, f"toInt64({engine}({call.sql(0)}, positiveModulo({call.sql(1)}, 64)))"
    )


FUNCTIONS: Final = (
    Function(
        "abs", "number:any", None, _abs,
        "The size of a number or a timespan, without its sign.",
        "print abs(-5)", 2, "first",
    ),
    _real("exp", "exp({0})", "e to the power of the number.", "print exp(1)"),
    _real("exp2", "exp2({0})", "2 to the power of the number.", "print exp2(3)"),
    _real("exp10", "exp10({0})", "10 to the power of the number.", "print exp10(3)"),
    _partial(
        "log", "{0} >= 0", "log({0})", "The natural logarithm; null of a negative number.",
        "print log(10)",
    ),
    _partial(
        "log2", "{0} >= 0", "log2({0})", "The logarithm of base 2; null of a negative number.",
        "print log2(8)",
    ),
    _partial(
        "log10", "{0} >= 0", "log10({0})", "The logarithm of base 10; null of a negative number.",
        "print log10(1000)",
    ),
    _partial(
        "sqrt", "{0} >= 0", "sqrt({0})", "The square root; null of a negative number.",
        "print sqrt(9)",
    ),
    Function(
        "pow", "base:real, exponent:real", T.REAL, "pow({0}, {1})",
        "The base to the power of the exponent.", "print pow(2, 10)", 2, "first",
    ),
    _real(
        "sign", "toFloat64(sign({0}))", "-1, 0 or 1, as the number is below, at or above zero.",
        "print sign(-5)", "",
    ),
    _real("cos", "cos({0})", "The cosine of an angle in radians.", "print cos(0)"),
    _real("sin", "sin({0})", "The sine of an angle in radians.", "print sin(0)"),
    _real("tan", "tan({0})", "The tangent of an angle in radians.", "print tan(0)"),
    _partial(
        "acos", "abs({0}) <= 1", "acos({0})",
        "The angle whose cosine is the number; null beyond -1 and 1.", "print acos(1)",
    ),
    _partial(
        "asin", "abs({0}) <= 1", "asin({0})",
        "The angle whose sine is the number; null beyond -1 and 1.", "print asin(0)",
    ),
    _real("atan", "atan({0})", "The angle whose tangent is the number.", "print atan(0)"),
    Function(
        "atan2", "y:real, x:real", T.REAL, "atan2({0}, {1})",
        "The angle between the x axis and the ray to the point (y, x).", "print atan2(1, 1)", 2,
        "first",
    ),
    _real("cot", "(1 / tan({0}))", "The cotangent of an angle in radians.", "print cot(1)", ""),
    _real("degrees", "degrees({0})", "An angle in radians as degrees.", "print degrees(pi())", ""),
    _real("radians", "radians({0})", "An angle in degrees as radians.", "print radians(180)", ""),
    Function("pi", "", T.REAL, "pi()", "The number pi.", "print pi()", 2),
    _real("gamma", "tgamma({0})", "The gamma function.", "print gamma(4)"),
    _real(
        "loggamma", "lgamma({0})", "The logarithm of the gamma function's size.",
        "print loggamma(5)",
    ),
    _real("erf", "erf({0})", "The error function.", "print erf(0)"),
    _real("erfc", "erfc({0})", "The complement of the error function.", "print erfc(0)"),
    Function(
        "isnan", "number:real", T.BOOL, "isNaN({0})", "Whether the number is NaN.",
        "print isnan(0.0 / 0.0)", 2,
    ),
    Function(
        "isinf", "number:real", T.BOOL, "isInfinite({0})", "Whether the number is infinite.",
        "print isinf(1.0 / 0.0)", 2,
    ),
    Function(
        "isfinite", "number:real", T.BOOL, "isFinite({0})",
        "Whether the number is neither infinite nor NaN.", "print isfinite(1.0)", 2,
    ),
    Function(
        "rand", "limit?:long", None, _rand,
        "A random real of at least 0 and below 1; with a limit, a whole one below it.",
        "print rand() < 1", 2, "first",
    ),
    _bits("binary_and", "bitAnd", "The bits that both numbers have.", "print binary_and(6, 3)"),
    _bits("binary_or", "bitOr", "The bits that either number has.", "print binary_or(6, 3)"),
    _bits(
        "binary_xor", "bitXor", "The bits that one of the numbers has.", "print binary_xor(6, 3)",
    ),
    Function(
        "binary_not", "number:long", T.LONG, "toInt64(bitNot({0}))",
        "The number with every bit changed.", "print binary_not(5)", 2, "first",
    ),
    Function(
        "binary_shift_left", "number:long, places:long", None, _shifted(left=True),
        "The number with its bits moved up.", "print binary_shift_left(1, 4)", 2, "first",
    ),
    Function(
        "binary_shift_right", "number:long, places:long", None, _shifted(left=False),
        "The number with its bits moved down.", "print binary_shift_right(16, 4)", 2, "first",
    ),
    *alias(
        Function(
            "bitset_count_ones", "number:long", T.LONG, "toInt64(bitCount({0}))",
            "How many bits of the number are set.", "print bitset_count_ones(7)", 3, "first",
        ),
    ),
)  # fmt: skip
