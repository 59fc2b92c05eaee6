"""A bound query: relations with typed, ordered columns. `emit.py` makes SQL of them.

A plan is a tree of nodes. A node says which columns it can give, by name, and how; which of them
are read is decided when SQL is made, from what stands above. Names that begin with `~` are ours:
no query may use them, and they pass through a node that does not mention them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepsight_collector.kql.scope import Bound

__all__ = [
    "Aggregate",
    "Compiled",
    "Compute",
    "Concat",
    "Expand",
    "Filter",
    "Join",
    "Limit",
    "Node",
    "Relation",
    "Rendering",
    "ResultColumn",
    "Scan",
    "Sort",
    "SortColumn",
    "Unit",
    "inputs",
]

HIDDEN = "~"


@dataclass(frozen=True, slots=True)
class Unit:
    """One row without columns."""

    label: str = "print"


@dataclass(frozen=True, slots=True)
class Scan:
    """The rows of a table that meet `conditions`, which is SQL over the source's own columns.

    `columns` are the table's, and the hidden ones that serve the keys of its bags. `select` is as
    in `schema.Table`.
    """

    name: str
    source: str
    columns: Mapping[str, str]
    conditions: tuple[str, ...]
    label: str
    select: Callable[[frozenset[str]], str] | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows of `input` for which `condition` is true."""

    input: Node
    condition: str
    label: str


@dataclass(frozen=True, slots=True)
class Compute:
    """The rows of `input` with `columns`; `keeps_all` says that the others stay too."""

    input: Node
    columns: Mapping[str, str]
    label: str
    keeps_all: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One row for each value of `keys`; without keys one row."""

    input: Node
    keys: Mapping[str, str]
    aggregates: Mapping[str, str]
    label: str


@dataclass(frozen=True, slots=True)
class SortColumn:
    """A column that rows are ordered by."""

    name: str
    is_descending: bool = False
    nulls_first: bool = True


@dataclass(frozen=True, slots=True)
class Limit:
    """The first `count` rows in `order`, of each value of `by` if there are any.

    `count` is SQL; `value` is its value where it is known.
    """

    input: Node
    count: str
    value: int | None
    order: tuple[SortColumn, ...]
    by: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Sort:
    """The rows of `input` in `order`, for an aggregate that takes them as they come."""

    input: Node
    order: tuple[SortColumn, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Expand:
    """A row for each element of the arrays, which have one length; `items`: name to array."""

    input: Node
    items: Mapping[str, str]
    label: str


@dataclass(frozen=True, slots=True)
class Concat:
    """The rows of all inputs; `columns` are each input's expressions for the same names."""

    inputs: tuple[Node, ...]
    columns: tuple[Mapping[str, str], ...]
    label: str


@dataclass(frozen=True, slots=True)
class Join:
    """Pairs of rows whose `on` columns (left name, right name) are equal.

    `kind` is the engine's: INNER, LEFT, RIGHT, FULL, LEFT SEMI, LEFT ANTI. `right_names` says
    under which names the right side's columns come out; the left side's keep theirs.
    """

    kind: str
    left: Node
    right: Node
    on: tuple[tuple[str, str], ...]
    right_names: Mapping[str, str]
    label: str


Node = Unit | Scan | Filter | Compute | Aggregate | Limit | Sort | Expand | Concat | Join


def inputs(node: Node) -> tuple[Node, ...]:
    """The nodes that a node stands on."""
    if isinstance(node, Unit | Scan):
        return ()
    if isinstance(node, Join):
        return node.left, node.right
    return node.inputs if isinstance(node, Concat) else (node.input,)


@dataclass(frozen=True, slots=True)
class Relation:
    """A tabular value: its columns in order, by name, and how it is computed.

    Each column's `sql` is its quoted name, so that what stands on this relation reads it by name.
    `order` is how the rows stand; None: in no order. Inside of `mv-apply` and `partition` the rows
    are parted by `partition`, and every operator works on each part for itself; `outer` are columns
    of the row outside that may be read and are no part of the result. `name` is the table's, or
    what `as` says. `stage` is the last operator, as written, that took columns away or came by
    those of another table. `presence` is a hidden column of the rows inside of some `mv-apply`,
    and the last of `partition`: 1, but 0 in a row that each part has beside its own
    (operators/empty.py).
    """

    columns: Mapping[str, Bound]
    node: Any
    order: tuple[SortColumn, ...] | None = None
    partition: tuple[str, ...] = ()
    outer: Mapping[str, Bound] = field(default_factory=dict)
    name: str = ""
    stage: str = ""
    presence: str = ""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the answer: its name, KQL type name, and how its values come from the engine.

    `form` says what the engine's value is: as `ScalarType` says, and of a dynamic "json", "map" or
    "text".
    """

    name: str
    type: str
    form: str = ""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What `render` asks for: the chart's kind and its properties, as written."""

    chart: str
    properties: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL with its parameters, and what the caller needs to present the answer.

    `warnings` are diagnostics that do not stop the query (a fuzzy union's missing table).
    `tables` are the tables that it reads, by their KQL names.
    """

    sql: str
    parameters: Mapping[str, object]
    columns: tuple[ResultColumn, ...]
    rendering: Rendering | None
    plan: str
    warnings: tuple[Any, ...] = ()
    tables: tuple[str, ...] = ()
