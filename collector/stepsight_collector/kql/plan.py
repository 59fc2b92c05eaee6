"""A bound query: relations with typed, ordered columns. `emit.py` makes SQL of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.kql.scope import Bound

__all__ = ["Compiled", "Relation", "Rendering", "ResultColumn"]


@dataclass(frozen=True, slots=True)
class Relation:
    """A tabular value: its columns in order, by name, and how it is computed.

    Each column's `sql` is its quoted name, so that what stands on this relation reads it by name.
    """

    columns: Mapping[str, Bound]
    node: Any


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
