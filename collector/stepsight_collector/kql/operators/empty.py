"""`mv-apply` where nothing is left: `summarize` without keys gives a row then, too.

Each part has one row more, which is no element: filters let it pass, it is a part of its own for
all other operators, and it gives the row if the part has no other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import emit, syntax
from stepsight_collector.kql.context import as_column
from stepsight_collector.kql.literals import ENGINE_TYPES
from stepsight_collector.kql.plan import (
    Aggregate,
    Compute,
    Filter,
    Limit,
    Relation,
    SortColumn,
    Unit,
)
from stepsight_collector.kql.scope import Bound, Form, quote_identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepsight_collector.kql.plan import Node

__all__ = ["is_summarized", "one_row_a_part", "only_present", "or_absent"]


def is_summarized(operators: Iterable[syntax.Operator]) -> bool:
    """Whether one of the operators makes a row of no rows."""
    return any(
        isinstance(each, syntax.Count) or (isinstance(each, syntax.Summarize) and not each.keys)
        for each in operators
    )


def or_absent(relation: Relation, condition: str) -> str:
    """A filter's condition, which the row that is no element passes."""
    if not relation.presence:
        return condition
    return f"({condition} OR NOT {quote_identifier(relation.presence)})"


def only_present(relation: Relation) -> Relation:
    """The relation without rows that are no elements."""
    node = Filter(relation.node, quote_identifier(relation.presence), "")
    return replace(relation, node=node, presence="", partition=relation.partition[:-1])


def one_row_a_part(relation: Relation, node: Node, made: Mapping[str, Bound], label: str) -> Node:
    """The one row of aggregates that each part gives; `node` has one more of no element."""
    *parts, presence = relation.partition
    flag = quote_identifier(presence)
    values = {
        name: f"if({flag}, {quote_identifier(name)}, {_of_no_rows(name, bound, relation)})"
        for name, bound in made.items()
    }
    was_present = f"{presence}was"
    # Of either kind it is a row from here on.
    known = Compute(node, {**values, was_present: flag, presence: "toUInt8(1)"}, "", keeps_all=True)
    first = (SortColumn(was_present, is_descending=True),)
    return Limit(known, "1", 1, first, tuple(parts), label)


def _of_no_rows(name: str, bound: Bound, relation: Relation) -> str:
    """What an aggregate gives where there are no rows."""
    columns = {**relation.outer, **relation.columns}
    types = {each.sql: _engine_type(each) for each in columns.values()}
    for each in columns.values():
        if each.bag is not None:
            types[quote_identifier(each.bag.rest)] = "Map(LowCardinality(String), String)"
    read = {
        name: f"defaultValueOfTypeName('{types.get(quote_identifier(name), 'String')}')"
        for name in emit.references(bound.sql)
    }
    nothing = Filter(Compute(Unit(), read, ""), "0", "")
    one = Relation({name: as_column(name, bound)}, Aggregate(nothing, {}, {name: bound.sql}, ""))
    sql = emit.scalar_sql(one)
    return sql if bound.is_nullable else f"assumeNotNull({sql})"


def _engine_type(bound: Bound) -> str:
    if bound.form is Form.MAP:
        return "Map(String, String)"
    name = ENGINE_TYPES[bound.type].replace("'", "\\'")
    return f"Nullable({name})" if bound.is_nullable else name
