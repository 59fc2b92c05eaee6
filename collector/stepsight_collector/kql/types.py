"""KQL's scalar types, and how the engine holds a value of each."""

from __future__ import annotations

from enum import Enum

__all__ = ["TYPE_NAMES", "ScalarType"]


class ScalarType(Enum):
    """A scalar type, by its name in KQL.

    Held by the engine as: `Bool`, `Int32`, `Int64`, `Float64`, `Decimal(38, 17)`, `String`,
    `DateTime64(9, 'UTC')`, a timespan as `Int64` ticks of 100 ns, a guid as lower-case `String`.
    All but string may be NULL; a string never is: a missing one is empty. A dynamic is
    `Nullable(String)` with JSON text; see `expression.Form` for its cheaper forms.
    """

    BOOL = "bool"
    INT = "int"
    LONG = "long"
    REAL = "real"
    DECIMAL = "decimal"
    STRING = "string"
    DATETIME = "datetime"
    TIMESPAN = "timespan"
    GUID = "guid"
    DYNAMIC = "dynamic"


# Every spelling that a query may use for a type.
TYPE_NAMES = {kind.value: kind for kind in ScalarType} | {
    "boolean": ScalarType.BOOL,
    "date": ScalarType.DATETIME,
    "double": ScalarType.REAL,
    "int32": ScalarType.INT,
    "int64": ScalarType.LONG,
    "time": ScalarType.TIMESPAN,
    "uniqueid": ScalarType.GUID,
    "uuid": ScalarType.GUID,
}
