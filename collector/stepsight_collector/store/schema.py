"""The store's schema: numbered SQL files, applied in order, recorded in a version table.

Each `schema/NNNN_name.sql` holds one table or view. Words that begin with `@` are macros, expanded
here, because
the same nested types and conversions stand in a dozen statements. Knows SQL text only; executing it
is the caller's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Migration", "load_migrations", "load_proto"]

# Segments that may be in flight or retried between two inserts of the same token, with two blocks a
# second for a day.
DEDUPLICATION_WINDOW = 10_000

_ANY_VALUE = (
    "Tuple(value Int8, string_value String, bool_value Bool, int_value Int64, "
    "double_value Float64, bytes_value String)"
)
_ATTRIBUTES = f"Array(Tuple(key String, value {_ANY_VALUE}))"
_ENTITIES = (
    "Array(Tuple(schema_url String, type String, id_keys Array(String), "
    "description_keys Array(String)))"
)
_EXEMPLARS = (
    f"Array(Tuple(filtered_attributes {_ATTRIBUTES}, time_unix_nano UInt64, value Int8, "
    "as_double Float64, as_int Int64, span_id String, trace_id String))"
)

# Macros without arguments: types and settings.
_WORDS = {
    "any_value": _ANY_VALUE,
    "attributes": _ATTRIBUTES,
    "resource": (
        f"Tuple(attributes {_ATTRIBUTES}, dropped_attributes_count UInt32, entity_refs {_ENTITIES})"
    ),
    "scope": (
        f"Tuple(name String, version String, attributes {_ATTRIBUTES}, "
        "dropped_attributes_count UInt32)"
    ),
    "exemplars": _EXEMPLARS,
    "number_points": (
        f"Array(Tuple(attributes {_ATTRIBUTES}, start_time_unix_nano UInt64, "
        "time_unix_nano UInt64, value Int8, as_double Float64, as_int Int64, "
        f"exemplars {_EXEMPLARS}, flags UInt32))"
    ),
    "dedup": f"non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}",
}


def _any_value_text(value: str) -> str:
    """SQL for an AnyValue as text, by the oneof's field number; an unset value is empty text."""
    parts = ("value", "string_value", "bool_value", "int_value", "double_value", "bytes_value")
    case, string, boolean, integer, double, binary = (f"{value}.{part}" for part in parts)
    return (
        f"multiIf({case} IN (0, 1), {string}, {case} = 3, toString({integer}), "
        f"{case} = 4, toString({double}), {case} = 2, if({boolean}, 'true', 'false'), "
        f"base64Encode({binary}))"
    )


def _map(attributes: str) -> str:
    """SQL for `Array(KeyValue)` as `Map(key, text)`."""
    a = f"({attributes})"
    text = "multiIf(t IN (0, 1), s, t = 3, toString(i), t = 4, toString(d), t = 2, "
    text += "if(b, 'true', 'false'), base64Encode(y))"
    fields = ("value", "string_value", "int_value", "double_value", "bool_value", "bytes_value")
    columns = ", ".join(f"{a}.value.{field}" for field in fields)
    return (
        f"CAST(mapFromArrays({a}.key, arrayMap((t, s, i, d, b, y) -> {text}, {columns})), "
        "'Map(LowCardinality(String), String)')"
    )


def _identity(attrs: str, key: str) -> str:
    """SQL for a run identity key: the record's own attribute, else the resource's."""
    return f"if(mapContains({attrs}, {key}), {attrs}[{key}], resource_attrs[{key}])"


# Macros with arguments: conversions.
_CALLS: dict[str, Callable[..., str]] = {
    "map": _map,
    "maps": lambda x: f"arrayMap(a -> {_map('a')}, {x})",
    "text": _any_value_text,
    "identity": _identity,
    "id": lambda x: f"lower(hex({x}))",
    "ids": lambda x: f"arrayMap(x -> lower(hex(x)), {x})",
    "time": lambda x: f"fromUnixTimestamp64Nano(toInt64(least({x}, 9223372036854775807)), 'UTC')",
    "times": lambda x: (
        "arrayMap(x -> fromUnixTimestamp64Nano(toInt64(least(x, 9223372036854775807)), 'UTC'), "
        f"{x})"
    ),
    "entities": lambda x: f"if(empty({x}), '', toJSONString({x}))",
    # The same oneof has other field numbers in an exemplar than in a data point.
    "exemplar_number": lambda x: (
        f"multiIf({x}.value = 3, {x}.as_double, {x}.value = 6, toFloat64({x}.as_int), nan)"
    ),
    "number": lambda x: (
        f"multiIf({x}.value = 4, {x}.as_double, {x}.value = 6, toFloat64({x}.as_int), nan)"
    ),
}
_CALL = re.compile(r"@(\w+)\(((?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*)\)")
_WORD = re.compile(r"@(\w+)\b")


@dataclass(frozen=True, slots=True)
class Migration:
    """One schema file: its number, its name and the statement with macros expanded."""

    version: int
    name: str
    sql: str


def expand(sql: str) -> str:
    """Replace `@word` and `@word(arguments)` by what they stand for.

    An unknown word is a KeyError.
    """

    def call(match: re.Match[str]) -> str:
        name, arguments = match.group(1), match.group(2)
        if name not in _CALLS:
            return _WORDS[name] + f"({arguments})"
        count = 2 if name == "identity" else 1
        return _CALLS[name](*(part.strip() for part in arguments.split(",", count - 1)))

    return _WORD.sub(lambda match: _WORDS[match.group(1)], _CALL.sub(call, sql))


def load_migrations() -> list[Migration]:
    """Every schema file in order of its number."""
    folder = resources.files(__package__) / "schema"
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [
        Migration(int(name[:4]), name[5:-4], expand((folder / name).read_text("utf-8")))
        for name in files
    ]


def load_proto() -> str:
    """The protobuf schema by which the engine reads WAL segments."""
    return (resources.files(__package__) / "schema" / "ingest.proto").read_text("utf-8")
