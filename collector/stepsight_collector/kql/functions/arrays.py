"""Functions on dynamic arrays. What is not an array gives null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import convert, datetime_ticks, from_ticks, json_sql
from stepsight_collector.kql.functions.array_sort import FUNCTIONS as SORTING
from stepsight_collector.kql.functions.elements import (
    array_json,
    elements,
    is_array,
    none_unless_array,
)
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType
MAX_ELEMENTS: Final = 1_048_576


def _array(call: Invocation, sql: str) -> Bound:
    """An array made of the first argument; null where that is none."""
    return Bound(T.DYNAMIC, none_unless_array(call.arguments[0], array_json(sql)))


def _json(value: Bound) -> str:
    """A value as JSON text, `null` where it is null."""
    return f"ifNull({json_sql(value)}, 'null')" if value.is_nullable else json_sql(value)


def _length(call: Invocation) -> Bound:
    array = call.arguments[0]
    return Bound(T.LONG, none_unless_array(array, f"toInt64(length({elements(array)}))"))


def _concat(call: Invocation) -> Bound:
    joined = ", ".join(elements(each) for each in call.arguments)
    return Bound(T.DYNAMIC, array_json(f"arrayConcat({joined})"), is_nullable=False)


def _slice(call: Invocation) -> Bound:
    """Both ends are included; negative ones count from the end."""
    array = elements(call.arguments[0])
    size = f"toInt64(length({array}))"
    start, end = (f"if({sql} < 0, {size} + {sql}, {sql})" for sql in (call.sql(1), call.sql(2)))
    first = f"greatest({start}, 0)"
    return _array(call, f"arraySlice({array}, {first} + 1, greatest({end} - {first} + 1, 0))")


def _sum(call: Invocation) -> Bound:
    array = call.arguments[0]
    each = f"arrayMap(e -> toFloat64OrZero(e), {elements(array)})"
    return Bound(T.REAL, none_unless_array(array, f"arraySum({each})"))


def _index_of(call: Invocation) -> Bound:
    array, value = call.arguments[:2]
    found = f"toInt64(indexOf({elements(array)}, {_json(value)})) - 1"
    if call.has(2):
        start = call.sql(2)
        rest = f"toInt64(indexOf(arraySlice({elements(array)}, {start} + 1), {_json(value)}))"
        found = f"if({rest} = 0, -1, {rest} - 1 + {start})"
    return Bound(T.LONG, none_unless_array(array, found))


def _iff(call: Invocation) -> Bound:
    """`array_iff(conditions, when_true, when_false)`, each an array or one value."""
    conditions = call.arguments[0]

    def at(value: Bound) -> str:
        if value.type is not T.DYNAMIC:
            return _json(value)
        one = f"arrayElementOrNull({elements(value)}, i)"
        return f"ifNull(if({is_array(value)}, {one}, {json_sql(value)}), 'null')"

    yes, no = (at(each) for each in call.arguments[1:])
    truth = "lower(e) = 'true' OR ifNull(toFloat64OrNull(e), 0) != 0"
    every = elements(conditions)
    each = f"arrayMap((e, i) -> if({truth}, {yes}, {no}), {every}, arrayEnumerate({every}))"
    return _array(call, each)


def _reverse(call: Invocation) -> Bound:
    return _array(call, f"arrayReverse({elements(call.arguments[0])})")


def _rotate(sign: int) -> Callable[[Invocation], Bound]:
    def emit(call: Invocation) -> Bound:
        array = elements(call.arguments[0])
        size = f"greatest(toInt64(length({array})), 1)"
        count = f"positiveModulo({sign} * ({call.sql(1)}), {size})"
        return _array(
            call,
            f"arrayConcat(arraySlice({array}, toInt64({count}) + 1), "
            f"arraySlice({array}, 1, toInt64({count})))",
        )

    return emit


def _shift(sign: int) -> Callable[[Invocation], Bound]:
    def emit(call: Invocation) -> Bound:
        array = elements(call.arguments[0])
        fill = _json(call.arguments[2]) if call.has(2) else "'null'"
        place = f"toInt64(i) + {sign} * ({call.sql(1)})"
        inside = f"{place} BETWEEN 1 AND toInt64(length({array}))"
        each = f"if({inside}, arrayElement({array}, greatest({place}, 1)), {fill})"
        return _array(call, f"arrayMap(i -> {each}, arrayEnumerate({array}))")

    return emit


def _split(call: Invocation) -> Bound:
    """`array_split(array, index)`: the parts between the places, as arrays."""
    array, places = call.arguments[0], call.arguments[1]
    size = f"toInt64(length({elements(array)}))"
    if places.type is T.DYNAMIC:
        raw = f"arrayMap(e -> toInt64OrZero(e), {elements(places)})"
    else:
        raw = f"[{convert(places, T.LONG, call.scope).sql}]"
    cuts = f"arrayMap(c -> least(greatest(if(c < 0, {size} + c, c), 0), {size}), {raw})"
    starts, ends = f"arrayConcat([toInt64(0)], {cuts})", f"arrayConcat({cuts}, [{size}])"
    part = f"arraySlice({elements(array)}, a + 1, greatest(b - a, 0))"
    return _array(call, f"arrayMap((a, b) -> {array_json(part)}, {starts}, {ends})")


def _pack_array(call: Invocation) -> Bound:
    parts = ", ".join(_json(each) for each in call.arguments)
    return Bound(T.DYNAMIC, array_json(f"[{parts}]"), is_nullable=False)


def _repeat(call: Invocation) -> Bound:
    times = f"toUInt64(ifNull(least(greatest({call.sql(1)}, 0), {MAX_ELEMENTS}), 0))"
    sql = array_json(f"arrayWithConstant({times}, {_json(call.arguments[0])})")
    return Bound(T.DYNAMIC, sql, is_nullable=False)


def _range(call: Invocation) -> Bound:
    """`range(start, stop, step)`: the stop is included; numbers, datetimes or timespans."""
    start, stop = call.arguments[:2]
    kinds = {start.type, stop.type}
    if kinds <= {T.INT, T.LONG} and (not call.has(2) or call.arguments[2].type in {T.INT, T.LONG}):
        step = call.sql(2) if call.has(2) else "1"
        return _stepped(call, start.sql, stop.sql, step, lambda value: f"toString({value})")
    if kinds <= {T.INT, T.LONG, T.REAL}:
        step = f"toFloat64({call.sql(2)})" if call.has(2) else "1.0"
        return _stepped(
            call, f"toFloat64({start.sql})", stop.sql, step, lambda value: f"toJSONString({value})"
        )
    if kinds == {T.DATETIME} and call.has(2) and call.arguments[2].type is T.TIMESPAN:
        one, other = datetime_ticks(start.sql), datetime_ticks(stop.sql)
        return _stepped(
            call, one, other, call.sql(2), lambda value: _shown(T.DATETIME, from_ticks(value))
        )
    if kinds == {T.TIMESPAN} and call.has(2) and call.arguments[2].type is T.TIMESPAN:
        return _stepped(
            call, start.sql, stop.sql, call.sql(2), lambda value: _shown(T.TIMESPAN, value)
        )
    found = ", ".join(each.type.value for each in call.arguments)
    hint = "Give numbers, or datetimes or timespans with a timespan as step."
    return call.fail("wrong_type", f"range cannot count over {found}", hint)


def _shown(kind: ScalarType, sql: str) -> str:
    return json_sql(Bound(kind, sql, is_nullable=False))


def _stepped(
    call: Invocation, start: str, stop: str, step: str, shown: Callable[[str], str]
) -> Bound:
    count = f"floor(({stop} - {start}) / nullIf({step}, 0)) + 1"
    size = f"toUInt64(greatest(least(ifNull({count}, 0), {MAX_ELEMENTS}), 0))"
    value = shown(f"({start} + toInt64(i) * {step})")
    sql = array_json(f"arrayMap(i -> {value}, range({size}))")
    known = [f"isNotNull({each.sql})" for each in call.arguments if each.is_nullable]
    if known:
        return Bound(T.DYNAMIC, f"if({' AND '.join(known)}, {sql}, NULL)")
    return Bound(T.DYNAMIC, sql, is_nullable=False)


FUNCTIONS: Final = (
    *alias(
        Function(
            "array_length", "array:dynamic", None, _length,
            "How many elements the array has.",
            "print array_length(dynamic([1, 2]))", 1,
        ),
        "arraylength",
    ),
    Function(
        "array_concat", "array:dynamic*", None, _concat,
        "The elements of all the arrays in one.",
        "print array_concat(dynamic([1]), dynamic([2, 3]))", 2,
    ),
    Function(
        "array_slice", "array:dynamic, start:long, end:long", None, _slice,
        "The elements from one place to another, both included; negative ones count from the end.",
        "print array_slice(dynamic([1, 2, 3]), 1, 2)", 2,
    ),
    *SORTING,
    Function(
        "array_sum", "array:dynamic", None, _sum,
        "The sum of the elements that are numbers.",
        "print array_sum(dynamic([1, 2.5]))", 2,
    ),
    Function(
        "array_index_of", "array:dynamic, value:any, start?:long", None, _index_of,
        "The place of the first element that is the value, or -1.",
        'print array_index_of(dynamic(["a", "b"]), "b")', 2,
    ),
    *alias(
        Function(
            "array_iff", "conditions:dynamic, when_true:any, when_false:any", None, _iff,
            "For each condition an element of the one array or the other.",
            "print array_iff(dynamic([true, false]), dynamic([1, 2]), dynamic([3, 4]))", 3,
        ),
        "array_iif",
    ),
    Function(
        "array_reverse", "array:dynamic", None, _reverse,
        "The elements from the last to the first.",
        "print array_reverse(dynamic([1, 2]))", 2,
    ),
    Function(
        "array_rotate_left", "array:dynamic, count:long", None, _rotate(1),
        "The elements so many places to the left; what falls off comes back at the end.",
        "print array_rotate_left(dynamic([1, 2, 3]), 1)", 3,
    ),
    Function(
        "array_rotate_right", "array:dynamic, count:long", None, _rotate(-1),
        "The elements so many places to the right; what falls off comes back at the start.",
        "print array_rotate_right(dynamic([1, 2, 3]), 1)", 3,
    ),
    Function(
        "array_shift_left", "array:dynamic, count:long, default?:any", None, _shift(1),
        "The elements so many places to the left, with a default where none is left.",
        "print array_shift_left(dynamic([1, 2, 3]), 1)", 3,
    ),
    Function(
        "array_shift_right", "array:dynamic, count:long, default?:any", None, _shift(-1),
        "The elements so many places to the right, with a default where none is left.",
        "print array_shift_right(dynamic([1, 2, 3]), 1)", 3,
    ),
    Function(
        "array_split", "array:dynamic, index:any", None, _split,
        "The array cut at a place, or at several.",
        "print array_split(dynamic([1, 2, 3]), 1)", 3,
    ),
    Function(
        "pack_array", "value:any*", None, _pack_array,
        "The values as an array.",
        'print pack_array(1, "a")', 2,
    ),
    Function(
        "repeat", "value:any, count:long", None, _repeat,
        "An array of so many times the value.",
        "print repeat(1, 3)", 3, "repeat",
    ),
    Function(
        "range", "start:any, stop:any, step?:any", None, _range,
        "The values from a start to a stop, which is included, by steps.",
        "print range(1, 7, 2)", 1,
    ),
)  # fmt: skip
