"""What a query may name: tables, their columns and types. Given to the compiler as an argument.

Pure data; the tables of the store are described in `query/catalog`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepsight_collector.kql.types import ScalarType

__all__ = ["Bag", "Column", "Schema", "Table"]


@dataclass(frozen=True, slots=True)
class Bag:
    """How a dynamic column that is a `Map(…, String)` in the store gives one of its keys.

    A key in `keys` is that column of the same source (a String, empty when absent: an index or the
    sort key can serve it). Any other key is looked up in the Map column `rest`. One that is of
    `hidden_names`, or begins with one of `hidden`, stands there as `escape` + key, or is absent.
    One that begins with one of `escaped` stands there as `escape` + key or, if not, as it is.
    """

    rest: str
    keys: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    escape: str = ""
    hidden_names: frozenset[str] = frozenset()
    escaped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column as a query sees it.

    `sql` is an expression over the columns of the table's source, `` `name` `` by default. With a
    `bag` the expression is the whole Map. A dynamic without one is JSON text.
    """

    name: str
    type: ScalarType
    description: str
    sql: str = ""
    is_nullable: bool = False
    bag: Bag | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a query sees it; `source` is the store's table or view.

    With `select` the source's place is taken by SQL that gives no more than the columns that a
    query reads of it: the function gets their names. That spares analysing all others.

    `project_column` is the source's column that holds the project: the compiler always filters by
    it. `time_column` is the column that a query's timespan applies to; empty if there is none.
    `unioned` says whether `union *`, `search` and `find` without tables read it.
    """

    name: str
    source: str
    columns: tuple[Column, ...]
    description: str
    time_column: str = "timestamp"
    project_column: str = "ProjectId"
    unioned: bool = True
    select: Callable[[frozenset[str]], str] | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """Every table by name."""

    tables: Mapping[str, Table]
