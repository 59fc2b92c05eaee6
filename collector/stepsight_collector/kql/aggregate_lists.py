"""The SQL of aggregates that make arrays and bags of many rows; all of them are JSON texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.aggregate_sql import combinator
from stepsight_collector.kql.conversions import (
    json_sql,
)
from stepsight_collector.kql.functions.bags import distinct_pairs
from stepsight_collector.kql.functions.elements import array_json, bag_json, pairs
from stepsight_collector.kql.functions.strings import texts_as_json
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["emit_bag", "emit_list", "emit_list_with_nulls"]

T = ScalarType
MAX_ELEMENTS: Final = 1_048_576
_ORDER: Final = "(isNull(toFloat64OrNull(e)), ifNull(toFloat64OrNull(e), 0), e)"


def emit_list(engine: str, has_condition: bool) -> Callable[[Invocation], Bound]:
    """The values as a JSON array; a set is in order."""

    def emit(call: Invocation) -> Bound:
        value = call.arguments[0]
        place = 2 if has_condition else 1
        most = call.constant(place, MAX_ELEMENTS)
        size = most if isinstance(most, int) and 0 < most < MAX_ELEMENTS else MAX_ELEMENTS
        suffix, condition = combinator(call, has_condition)
        sql = value.sql if value.type is T.STRING else json_sql(value)
        if engine == "groupUniqArray" and value.type is T.DYNAMIC and value.form is Form.JSON:
            # An array counts as its elements.
            sure = f"assumeNotNull({sql})"
            one = f"if(startsWith({sql}, '['), JSONExtractArrayRaw({sure}), [{sure}])"
            each = f"if(isNull({sql}), emptyArrayString(), {one})"
            listed = f"groupUniqArrayArray{suffix}({size})({each}{condition})"
        else:
            listed = f"{engine}{suffix}({size})({sql}{condition})"
        if engine == "groupUniqArray":
            listed = (
                f"arraySort({listed})"
                if value.type is T.STRING
                else f"arraySort(e -> {_ORDER}, {listed})"
            )
        made = texts_as_json(listed) if value.type is T.STRING else array_json(listed)
        return Bound(T.DYNAMIC, made, is_nullable=False)

    return emit


def emit_list_with_nulls(call: Invocation) -> Bound:
    """The values as a JSON array, nulls too."""
    value = call.arguments[0]
    sql = f"ifNull({json_sql(value)}, 'null')" if value.is_nullable else json_sql(value)
    return Bound(T.DYNAMIC, array_json(f"groupArray({MAX_ELEMENTS})({sql})"), is_nullable=False)


def emit_bag(has_condition: bool) -> Callable[[Invocation], Bound]:
    """One bag of many; the first value of a key stays."""

    def emit(call: Invocation) -> Bound:
        suffix, condition = combinator(call, has_condition)
        merged = f"groupArrayArray{suffix}({MAX_ELEMENTS})({pairs(call.arguments[0])}{condition})"
        return Bound(T.DYNAMIC, bag_json(distinct_pairs(merged)), is_nullable=False)

    return emit
