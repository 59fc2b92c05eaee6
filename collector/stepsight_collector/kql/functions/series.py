"""`series_…`: an array as a series of numbers. An element that is not a number is null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import NUMBERS
from stepsight_collector.kql.functions.bags import packed
from stepsight_collector.kql.functions.elements import (
    array_json,
    elements,
    none_unless_array,
    numbers,
)
from stepsight_collector.kql.functions.table import Function
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType


def _shown(numbers_sql: str) -> str:
    """Numbers as the JSON text of an array."""
    shown = "ifNull(toJSONString(if(isFinite(v), v, NULL)), 'null')"
    return array_json(f"arrayMap(v -> {shown}, {numbers_sql})")


def _each(operator: str) -> Callable[[Invocation], Bound]:
    """Two series, or a series and a number, place by place."""

    def emit(call: Invocation) -> Bound:
        for place, side in enumerate(call.arguments):
            if side.type is not T.DYNAMIC and side.type not in NUMBERS:
                message = f"{call.node.name} wants an array or a number, found a {side.type.value}"
                return call.fail("wrong_type", message, place=place)
        sides = []
        for side in call.arguments:
            is_series = side.type is T.DYNAMIC
            sides.append(
                f"arrayElementOrNull({numbers(side)}, i)" if is_series else f"toFloat64({side.sql})"
            )
        series = [numbers(each) for each in call.arguments if each.type is T.DYNAMIC]
        if not series:
            message = f"{call.node.name} wants an array, found numbers only"
            return call.fail("wrong_type", message)
        size = f"arrayMax([{', '.join(f'length({each})' for each in series)}])"
        value = f"{sides[0]} {operator} {sides[1]}"
        made = f"arrayMap(i -> {value}, range(1, toUInt64({size} + 1)))"
        if operator in {"<", "<=", ">", ">=", "=", "!="}:
            shown = f"arrayMap(v -> multiIf(isNull(v), 'null', v, 'true', 'false'), {made})"
            return Bound(T.DYNAMIC, array_json(shown), is_nullable=False)
        return Bound(T.DYNAMIC, _shown(made), is_nullable=False)

    return emit


def _mapped(sql: str) -> Callable[[Invocation], Bound]:
    def emit(call: Invocation) -> Bound:
        series = call.arguments[0]
        made = f"arrayMap(x -> {sql}, {numbers(series)})"
        return Bound(T.DYNAMIC, none_unless_array(series, _shown(made)))

    return emit


def _fill_const(call: Invocation) -> Bound:
    series = call.arguments[0]
    value = f"toFloat64({call.sql(1)})"
    made = f"arrayMap(x -> ifNull(x, {value}), {numbers(series)})"
    return Bound(T.DYNAMIC, none_unless_array(series, _shown(made)))


def _fill(*, is_forward: bool) -> Callable[[Invocation], Bound]:
    """Nulls take the last value before them, or the first behind."""
    engine = "arrayFill" if is_forward else "arrayReverseFill"

    def emit(call: Invocation) -> Bound:
        series = call.arguments[0]
        made = f"{engine}(x -> isNotNull(x), {numbers(series)})"
        return Bound(T.DYNAMIC, none_unless_array(series, _shown(made)))

    return emit


def _fill_linear(call: Invocation) -> Bound:
    """Nulls between two values on the line between them, at the ends the nearest value."""
    series = call.arguments[0]
    xs = numbers(series)
    places = f"arrayFilter(i -> isNotNull({xs}[i]), arrayEnumerate({xs}))"
    before = f"arrayLast(p -> p <= i, {places})"
    behind = f"arrayFirst(p -> p >= i, {places})"
    line = (
        f"multiIf({before} = 0 AND {behind} = 0, NULL, {before} = 0, {xs}[{behind}], {behind} = 0, "
        f"{xs}[{before}], {before} = {behind}, {xs}[i], {xs}[{before}] + ({xs}[{behind}] - "
        f"{xs}[{before}]) * (toFloat64(i) - {before}) / (toFloat64({behind}) - {before}))"
    )
    made = f"arrayMap(i -> {line}, arrayEnumerate({xs}))"
    return Bound(T.DYNAMIC, none_unless_array(series, _shown(made)))


def _number(sql: str) -> Bound:
    return Bound(T.REAL, sql)


def _stats(call: Invocation) -> Bound:
    series = call.arguments[0]
    xs = f"arrayMap(x -> assumeNotNull(x), arrayFilter(x -> isNotNull(x), {numbers(series)}))"
    full = f"arrayMap(x -> ifNull(x, nan), {numbers(series)})"
    size, mean = f"length({xs})", f"arrayAvg({xs})"
    squares = f"arraySum(arrayMap(x -> pow(x - {mean}, 2), {xs}))"
    variance = f"if({size} > 1, {squares} / ({size} - 1), 0)"
    lowest, highest = f"arrayMin({xs})", f"arrayMax({xs})"
    parts = {
        "min": lowest,
        "min_idx": f"toInt64(indexOf({full}, {lowest})) - 1",
        "max": highest,
        "max_idx": f"toInt64(indexOf({full}, {highest})) - 1",
        "avg": mean,
        "stdev": f"sqrt({variance})",
        "variance": variance,
        "sum": f"arraySum({xs})",
        "len": f"toFloat64(length({elements(series)}))",
    }
    made = packed(
        (call.text(name), _number(f"if({size} = 0, NULL, {sql})")) for name, sql in parts.items()
    )
    return Bound(T.DYNAMIC, none_unless_array(series, made.sql))


def _fit_line(call: Invocation) -> Bound:
    """The least squares line through the elements at 0, 1, 2 and so on."""
    series = call.arguments[0]
    ys = f"arrayMap(x -> ifNull(x, 0), {numbers(series)})"
    xs = f"arrayMap(i -> toFloat64(i) - 1, arrayEnumerate({ys}))"
    mean_x, mean_y = f"arrayAvg({xs})", f"arrayAvg({ys})"
    both = f"arraySum(arrayMap((x, y) -> (x - {mean_x}) * (y - {mean_y}), {xs}, {ys}))"
    wide = f"arraySum(arrayMap(x -> pow(x - {mean_x}, 2), {xs}))"
    high = f"arraySum(arrayMap(y -> pow(y - {mean_y}, 2), {ys}))"
    slope = f"{both} / {wide}"
    start = f"{mean_y} - {slope} * {mean_x}"
    square = f"pow({both}, 2) / ({wide} * {high})"
    left = f"({high} * (1 - {square}))"
    fitted = f"arrayMap(x -> {start} + {slope} * x, {xs})"
    parts = {
        "rsquare": _number(square),
        "slope": _number(slope),
        "variance": _number(f"{high} / (length({ys}) - 1)"),
        "rvariance": _number(f"{left} / (length({ys}) - 1)"),
        "interception": _number(start),
        "line_fit": Bound(T.DYNAMIC, _shown(fitted), is_nullable=False),
    }
    made = packed((call.text(name), value) for name, value in parts.items())
    return Bound(T.DYNAMIC, f"if(length({ys}) > 1, {made.sql}, NULL)")


def _pair(name: str, operator: str, word: str) -> Function:
    return Function(
        f"series_{name}", "one:any, other:any", None, _each(operator), f"Two series {word}.",
        f"print series_{name}(dynamic([1, 2]), dynamic([3, 1]))", 3,
    )  # fmt: skip


def _single(name: str, sql: str, word: str) -> Function:
    return Function(
        f"series_{name}", "series:dynamic", None, _mapped(sql), f"{word} of each element.",
        f"print series_{name}(dynamic([1, 2]))", 3,
    )  # fmt: skip


FUNCTIONS: Final = (
    _pair("add", "+", "added place by place"),
    _pair("subtract", "-", "subtracted place by place"),
    _pair("multiply", "*", "multiplied place by place"),
    _pair("divide", "/", "divided place by place"),
    _pair("less", "<", "compared place by place: whether the first is less"),
    _pair("less_equals", "<=", "compared place by place: whether the first is not more"),
    _pair("greater", ">", "compared place by place: whether the first is more"),
    _pair("greater_equals", ">=", "compared place by place: whether the first is not less"),
    _pair("equals", "=", "compared place by place: whether they are the same"),
    _pair("not_equals", "!=", "compared place by place: whether they differ"),
    _single("abs", "abs(x)", "The size without its sign"),
    _single("exp", "exp(x)", "The power of e"),
    _single("log", "log(x)", "The natural logarithm"),
    _single("sign", "toFloat64(sign(x))", "-1, 0 or 1"),
    _single("floor", "floor(x)", "The greatest whole number that is not above"),
    _single("ceiling", "ceil(x)", "The least whole number that is not below"),
    Function(
        "series_fill_const", "series:dynamic, value:number", None, _fill_const,
        "The series with a constant in the place of nulls.",
        "print series_fill_const(dynamic([1, null, 3]), 0)", 3, "first",
    ),
    Function(
        "series_fill_forward", "series:dynamic", None, _fill(is_forward=True),
        "The series with the last value before them in the place of nulls.",
        "print series_fill_forward(dynamic([1, null, 3]))", 3, "first",
    ),
    Function(
        "series_fill_backward", "series:dynamic", None, _fill(is_forward=False),
        "The series with the first value behind them in the place of nulls.",
        "print series_fill_backward(dynamic([1, null, 3]))", 3, "first",
    ),
    Function(
        "series_fill_linear", "series:dynamic", None, _fill_linear,
        "The series with values on the line between their neighbours in the place of nulls.",
        "print series_fill_linear(dynamic([1, null, 3]))", 3, "first",
    ),
    Function(
        "series_stats_dynamic", "series:dynamic", None, _stats,
        "A bag of min, max, their places, avg, stdev, variance, sum and length of a series.",
        "print series_stats_dynamic(dynamic([1, 2, 3])).avg", 3,
    ),
    Function(
        "series_fit_line_dynamic", "series:dynamic", None, _fit_line,
        "A bag of slope, interception, rsquare, variances and the fitted line of a series.",
        "print series_fit_line_dynamic(dynamic([1, 3, 5])).slope", 3,
    ),
)  # fmt: skip
