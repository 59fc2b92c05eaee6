"""`array_sort_asc` and `array_sort_desc`: one array, or several by the first, a column each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.functions.elements import array_json, elements, none_unless_array
from stepsight_collector.kql.functions.table import Function, as_array_or_bag
from stepsight_collector.kql.literals import is_constant
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS", "SORTING", "sorted_together", "sorts_several"]

T = ScalarType
# Numbers before texts, each in its own order; nulls apart.
_ORDER: Final = "(isNull(toFloat64OrNull(e)), ifNull(toFloat64OrNull(e), 0), e)"
SORTING: Final = {"array_sort_asc": "arraySort", "array_sort_desc": "arrayReverseSort"}


def sorts_several(call: Invocation) -> bool:
    """Whether the call, its arguments as they were bound, gives several columns."""
    return call.node.name in SORTING and len(_arrays(call)) > 1


def _arrays(call: Invocation) -> tuple[Bound, ...]:
    arguments = call.arguments
    return arguments[:-1] if len(arguments) > 1 and arguments[-1].type is T.BOOL else arguments


def _unknown_end(call: Invocation) -> Bound | None:
    """A diagnostic if it is not known when compiling where nulls come."""
    last = call.arguments[-1]
    if last.type is not T.BOOL or is_constant(last):
        return None
    message = f"{call.node.name} wants a constant for nulls_last"
    return call.fail("wrong_arguments", message, place=len(call.arguments) - 1)


def sorted_together(call: Invocation) -> list[Bound]:
    """Each array in the order of the first; null where it is none or has another length."""
    fault = _unknown_end(call)
    if fault:
        return [fault] * len(_arrays(call))
    arrays: list[Bound] = []
    for place, argument in enumerate(_arrays(call)):
        array = as_array_or_bag(argument)
        if array is None:
            message = f"{call.node.name} wants a dynamic, found a {argument.type.value}"
            return [call.fail("wrong_type", message, place=place)] * len(_arrays(call))
        arrays.append(array)
    first = elements(arrays[0])
    made = []
    for each in arrays:
        beside = f"arrayResize({elements(each)}, length({first}), 'null')"
        known = (
            f"{SORTING[call.node.name]}((x, e) -> {_ORDER}, arrayFilter((x, e) -> e != 'null', "
            f"{beside}, {first}), arrayFilter(e -> e != 'null', {first}))"
        )
        nulls = f"arrayFilter((x, e) -> e = 'null', {beside}, {first})"
        sql = none_unless_array(each, array_json(_joined(call, known, nulls)))
        same = f"length({elements(each)}) = length({first})"
        made.append(Bound(T.DYNAMIC, sql if each is arrays[0] else f"if({same}, {sql}, NULL)"))
    return made


def _joined(call: Invocation, known: str, nulls: str) -> str:
    last = call.arguments[-1]
    is_first = last.type is T.BOOL and last.constant is False
    return f"arrayConcat({nulls}, {known})" if is_first else f"arrayConcat({known}, {nulls})"


def _emit(call: Invocation) -> Bound:
    if len(_arrays(call)) > 1:
        message = f"{call.node.name} of several arrays gives a column for each"
        hint = f"Give them names: extend (a, b) = {call.node.name}(x, y)."
        return call.fail("wrong_arguments", message, hint)
    fault = _unknown_end(call)
    if fault:
        return fault
    array = elements(call.arguments[0])
    known = f"{SORTING[call.node.name]}(e -> {_ORDER}, arrayFilter(e -> e != 'null', {array}))"
    nulls = f"arrayFilter(e -> e = 'null', {array})"
    return Bound(
        T.DYNAMIC,
        none_unless_array(call.arguments[0], array_json(_joined(call, known, nulls))),
    )


def _function(name: str, doc: str) -> Function:
    return Function(
        name, "array:dynamic, more?:any*", None, _emit,
        f"{doc}; nulls come last, or first with a last argument `false`. More arrays are put in "
        "the order of the first, each a column of its own.",
        f"print (a, b) = {name}(dynamic([3, 1, 2]), dynamic(['x', 'y', 'z']))", 2, "",
        "Columns of several arrays that are given no names are called x_sorted, after the array, "
        "or array_sorted. Sorting several is for extend, project and print, by itself.",
    )  # fmt: skip


FUNCTIONS: Final = (
    _function("array_sort_asc", "The elements from the smallest to the largest"),
    _function("array_sort_desc", "The elements from the largest to the smallest"),
)
