"""KQL's aggregates that give one column: a closed table, by name.

Nulls are passed over. Over no rows counts and sums are 0, lists are empty, and the rest is null.
Those that give several columns are in `aggregates.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.aggregate_lists import emit_bag, emit_list, emit_list_with_nulls
from stepsight_collector.kql.aggregate_sql import (
    emit_any_if,
    emit_avg,
    emit_bits,
    emit_count,
    emit_covariance,
    emit_distinct,
    emit_extreme,
    emit_never,
    emit_percentile,
    emit_percentiles_array,
    emit_percentilew,
    emit_spread,
    emit_sum,
)
from stepsight_collector.kql.functions.table import Function, Invocation, alias
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.scope import Bound

__all__ = ["AGGREGATES", "SEVERAL", "is_aggregate"]

T = ScalarType
# Aggregates that give, or may give, several columns; bound in aggregates.py.
SEVERAL: Final = frozenset(
    {"percentiles", "percentilesw", "arg_max", "arg_min", "argmax", "argmin", "any", "take_any"}
)


def is_aggregate(name: str) -> bool:
    """Whether a name is an aggregate's."""
    return name in AGGREGATES


def _conditional(
    name: str, emit: Callable[[bool], Callable[[Invocation], Bound]], doc: str, word: str
) -> tuple[Function, ...]:
    return (
        Function(
            name, "value:any", None, emit(False), f"{doc}.", f"{word} | summarize {name}(x)", 1,
            name,
        ),
        Function(
            f"{name}if", "value:any, condition:bool", None, emit(True),
            f"{doc} of the rows for which a condition is true.",
            f"{word} | summarize {name}if(x, x > 1)", 2, f"{name}if",
        ),
    )  # fmt: skip


_X: Final = "range x from 1 to 3 step 1"
_TABLE: Final = (
    Function(
        "count", "condition?:bool", None, emit_count, "How many rows there are.",
        f"{_X} | summarize count()", 1, "count",
    ),
    Function(
        "countif", "condition:bool", None, emit_count, "How many rows a condition is true for.",
        f"{_X} | summarize countif(x > 1)", 1, "countif",
    ),
    *_conditional("sum", emit_sum, "The sum", _X),
    *_conditional("avg", emit_avg, "The mean", _X),
    *_conditional("min", lambda has: emit_extreme("min", has), "The smallest value", _X),
    *_conditional("max", lambda has: emit_extreme("max", has), "The largest value", _X),
    Function(
        "dcount", "value:any, accuracy?:long", None, emit_distinct("uniqCombined64(17)", False),
        "How many different values there are: exact for some thousands, else within about 1 %.",
        f"{_X} | summarize dcount(x)", 1, "dcount", "The accuracy is not used.",
    ),
    Function(
        "dcountif", "value:any, condition:bool, accuracy?:long", None,
        emit_distinct("uniqCombined64(17)", True),
        "How many different values there are in the rows for which a condition is true.",
        f"{_X} | summarize dcountif(x, x > 1)", 2, "dcountif", "The accuracy is not used.",
    ),
    Function(
        "count_distinct", "value:any", None, emit_distinct("uniqExact", False),
        "How many different values there are, exactly.", f"{_X} | summarize count_distinct(x)", 2,
        "count_distinct",
    ),
    Function(
        "count_distinctif", "value:any, condition:bool", None, emit_distinct("uniqExact", True),
        "How many different values there are, exactly, in the rows for which a condition is true.",
        f"{_X} | summarize count_distinctif(x, x > 1)", 3, "count_distinctif",
    ),
    Function(
        "percentile", "value:any, percent:=number", None, emit_percentile,
        "The smallest value with at least so many per cent of the values at or below it.",
        f"{_X} | summarize percentile(x, 50)", 1, "percentile",
        "Exact up to some 10,000 values; beyond, within 0.01 % of the rank.",
    ),
    Function(
        "percentiles", "value:any, percent:=number*", None, emit_never,
        "Several percentiles, a column each.", f"{_X} | summarize percentiles(x, 50, 95)", 1,
        "percentile",
    ),
    Function(
        "percentiles_array", "value:any, percent:any*", None, emit_percentiles_array,
        "Several percentiles as an array.", f"{_X} | summarize percentiles_array(x, 50, 95)", 2,
        "percentiles",
    ),
    Function(
        "percentilew", "value:any, weight:number, percent:=number", None, emit_percentilew,
        "The percentile of values that stand for several each.",
        f"{_X} | summarize percentilew(x, x, 50)", 2, "percentile",
    ),
    Function(
        "percentilesw", "value:any, weight:number, percent:=number*", None, emit_never,
        "Several percentiles of values that stand for several each.",
        f"{_X} | summarize percentilesw(x, x, 50, 95)", 3, "percentile",
    ),
    *(
        Function(
            name, "value:any, condition:bool" if has else "value:any", None,
            emit_spread(engine, has_condition=has, least=least),
            f"{doc}{' of the rows for which a condition is true' if has else ''}.",
            f"{_X} | summarize {name}(x{', x > 1' if has else ''})", 2, name,
        )
        for name, engine, has, least, doc in (
            ("stdev", "stddevSamp", False, 2, "The standard deviation of a sample; 0 of one value"),
            ("stdevif", "stddevSamp", True, 2, "The standard deviation of a sample"),
            ("stdevp", "stddevPop", False, 1, "The standard deviation of a whole population"),
            ("variance", "varSamp", False, 2, "The variance of a sample; 0 of one value"),
            ("varianceif", "varSamp", True, 2, "The variance of a sample"),
            ("variancep", "varPop", False, 1, "The variance of a whole population"),
            ("variancepif", "varPop", True, 1, "The variance of a whole population"),
        )
    ),
    Function(
        "covariance", "one:any, other:any", None, emit_covariance("covarSamp", 2),
        "The covariance of two values in a sample.", f"{_X} | summarize covariance(x, x)", 3,
        "covariance",
    ),
    Function(
        "covariancep", "one:any, other:any", None, emit_covariance("covarPop", 1),
        "The covariance of two values in a whole population.",
        f"{_X} | summarize covariancep(x, x)", 3, "covariancep",
    ),
    *alias(
        Function(
            "make_list", "value:any, most?:=long", None, emit_list("groupArray", False),
            "The values as an array.", f"{_X} | summarize make_list(x)", 1, "list",
        ),
        "makelist",
    ),
    Function(
        "make_list_if", "value:any, condition:bool, most?:=long", None,
        emit_list("groupArray", True),
        "The values of the rows for which a condition is true, as an array.",
        f"{_X} | summarize make_list_if(x, x > 1)", 2, "list",
    ),
    Function(
        "make_list_with_nulls", "value:any", None, emit_list_with_nulls,
        "The values as an array, nulls too.", f"{_X} | summarize make_list_with_nulls(x)", 3,
        "list",
    ),
    *alias(
        Function(
            "make_set", "value:any, most?:=long", None, emit_list("groupUniqArray", False),
            "The different values as an array, in order; of an array its elements.",
            f"{_X} | summarize make_set(x)", 1, "set",
        ),
        "makeset",
    ),
    Function(
        "make_set_if", "value:any, condition:bool, most?:=long", None,
        emit_list("groupUniqArray", True),
        "The different values of the rows for which a condition is true, as an array, in order.",
        f"{_X} | summarize make_set_if(x, x > 1)", 2, "set",
    ),
    Function(
        "make_bag", "bag:bag, most?:=long", None, emit_bag(False),
        "One bag of all; of a key in several the first row's value.",
        f'{_X} | summarize make_bag(bag_pack("k", x))', 3, "bag",
    ),
    Function(
        "make_dictionary", "bag:bag, most?:=long", None, emit_bag(False),
        "One bag of all; an old name of make_bag.",
        f'{_X} | summarize make_dictionary(bag_pack("k", x))', 3, "dictionary",
    ),
    Function(
        "make_bag_if", "bag:bag, condition:bool, most?:=long", None, emit_bag(True),
        "One bag of those of the rows for which a condition is true.",
        f'{_X} | summarize make_bag_if(bag_pack("k", x), x > 1)', 3, "bag",
    ),
    Function(
        "take_any", "value:any*", None, emit_never,
        "The values of some row, not null if there are any.", f"{_X} | summarize take_any(x)", 1,
        "first",
    ),
    Function(
        "any", "value:any*", None, emit_never, "The values of some row; an old name of take_any.",
        f"{_X} | summarize any(x)", 2, "any",
    ),
    Function(
        "take_anyif", "value:any, condition:bool", None, emit_any_if,
        "The value of some row for which a condition is true.",
        f"{_X} | summarize take_anyif(x, x > 2)", 2, "first",
    ),
    Function(
        "anyif", "value:any, condition:bool", None, emit_any_if,
        "The value of some row for which a condition is true; an old name of take_anyif.",
        f"{_X} | summarize anyif(x, x > 2)", 2, "anyif",
    ),
    *alias(
        Function(
            "arg_max", "value:any, column?:any*", None, emit_never,
            "The largest value, and columns of the row that has it; * for all.",
            f"{_X} | summarize arg_max(x, *)", 1, "max",
        ),
        "argmax",
    ),
    *alias(
        Function(
            "arg_min", "value:any, column?:any*", None, emit_never,
            "The smallest value, and columns of the row that has it; * for all.",
            f"{_X} | summarize arg_min(x, *)", 1, "min",
        ),
        "argmin",
    ),
    Function(
        "binary_all_and", "number:long", None, emit_bits("groupBitAnd"),
        "The bits that all the numbers have.", f"{_X} | summarize binary_all_and(x)", 3, "first",
    ),
    Function(
        "binary_all_or", "number:long", None, emit_bits("groupBitOr"),
        "The bits that any of the numbers has.", f"{_X} | summarize binary_all_or(x)", 3, "first",
    ),
    Function(
        "binary_all_xor", "number:long", None, emit_bits("groupBitXor"),
        "The bits that an odd count of the numbers has.", f"{_X} | summarize binary_all_xor(x)", 3,
        "first",
    ),
)  # fmt: skip
AGGREGATES: Final[dict[str, Function]] = {each.name: each for each in _TABLE}
