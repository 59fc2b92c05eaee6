"""The store's schema: numbered SQL files, applied in order, recorded in a version table.

Each `schema/NNNN_name.sql` holds one table or view. Words that begin with `@` are macros, expanded
here, because the same nested types and conversions stand in a dozen statements; what is longer than
a line is a file in `schema/blocks`. Knows SQL text only; executing it is the caller's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from stepsight_collector.store.span_macros import SPAN_WORDS
from stepsight_collector.store.view_macros import VIEW_CALLS, VIEW_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Migration", "load_migrations", "load_proto"]

# Segments that may be in flight or retried between two inserts of the same token, with two blocks a
# second for a day.
DEDUPLICATION_WINDOW = 10_000
# When the parts of a partition are this old, they are merged into one.
QUIET_S = 3_600
# Records from so many days before or after their arrival have partitions of their own day.
NEAR_DAYS = 31

# An AnyValue stays the bytes it is until its text is made: one column instead of six, which is half
# the cost of reading a request (docs/explanation/ingest-cost.md).
_ANY_VALUE = "String"
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
    # A wide part is some 140 files, and creating them is a fifth of an insert; merges make it wide.
    "compact_inserts": "min_level_for_wide_part = 1",
    **VIEW_WORDS,
    **SPAN_WORDS,
    # The lengths of texts beside the texts, as the engine would keep them, are a quarter of a merge
    # and a third of the bytes; statistics of columns are another tenth of a merge
    # (docs/explanation/ingest-cost.md).
    # A partition that has got nothing for a while becomes one part, if that is under the limit of a
    # merge: its three or four parts, some of them compact, took twice as long to search.
    "parts": (
        f"non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}, "
        "string_serialization_version = 'single_stream', auto_statistics_types = '', "
        f"min_age_to_force_merge_seconds = {QUIET_S}, "
        "min_age_to_force_merge_on_partition_only = 1, "
        "enable_max_bytes_limit_for_min_age_to_force_merge = 1"
    ),
}


def _text(value: str) -> str:
    """SQL for the encoded AnyValue `value` as text; an unset value is empty text.

    The first byte says which case of the oneof follows. Text of up to 127 bytes, which is nearly
    all there is, needs one comparison: its first two bytes are the tag and the length of the rest.
    The other cases are written for the analyzer, which sees them again with every insert.
    """
    case, payload, long = f"ascii({value})", f"substring({value}, 2)", _after_length(value)
    return (
        f"multiIf(reinterpretAsUInt16({value}) = 256 * length({value}) - 502, "
        f"substring({value}, 3), {case} = 24, toString({_varint(payload)}), "
        f"{case} = 33, toString(reinterpretAsFloat64({payload})), {case} = 10, {long}, "
        f"{case} = 16, if({payload} = char(0), 'false', 'true'), "
        f"{case} = 58, base64Encode({long}), '')"
    )


def _varint(data: str) -> str:
    """SQL for the protobuf varint that is all of `data`, as Int64."""
    return (
        "reinterpretAsInt64(arraySum(n -> bitShiftLeft(toUInt64(bitAnd(reinterpretAsUInt8("
        f"substring({data}, n)), 127)), 7 * (n - 1)), range(1, length({data}) + 1)))"
    )


def _after_length(value: str) -> str:
    """SQL for the bytes of an encoded AnyValue after its tag and its length."""
    ends = f"n -> reinterpretAsUInt8(substring({value}, n)) < 128"
    return f"substring({value}, 2 + arrayFirstIndex({ends}, [2, 3, 4, 5, 6]))"


def _map(attributes: str) -> str:
    """SQL for `Array(KeyValue)` as `Map(key, text)`."""
    a = f"({attributes})"
    return (
        f"CAST(mapFromArrays({a}.key, arrayMap(v -> {_text('v')}, {a}.value)), "
        "'Map(LowCardinality(String), String)')"
    )


def _identity(attrs: str, key: str) -> str:
    """SQL for a run identity key: the record's own attribute, else the resource's."""
    return f"if(mapContains({attrs}, {key}), {attrs}[{key}], resource_attrs[{key}])"


def _record_identity(attrs: str, key: str) -> str:
    """The same where the resource's was looked up once, before its records were unfolded."""
    name = key.strip("'")
    return f"if(mapContains({attrs}, {key}), {attrs}[{key}], resource_{name})"


def _partition(time: str, unit: str) -> str:
    """SQL for the partition of a time that a sender told: near its arrival by `unit`, else by year.

    A partition costs 5 ms and ten files. Records of every day since 1970 would make 20,000 of one
    request, and from 100,000 on the engine refuses every insert.
    """
    apart_s = f"abs(toUnixTimestamp64Second({time}) - toUnixTimestamp64Second(ReceivedTimestamp))"
    return f"if({apart_s} <= {NEAR_DAYS * 86_400}, {unit}({time}), toYear({time}))"


# Macros with arguments: conversions.
_CALLS: dict[str, Callable[..., str]] = {
    "map": _map,
    "maps": lambda x: f"arrayMap(a -> {_map('a')}, {x})",
    "text": _text,
    "identity": _identity,
    "record_identity": _record_identity,
    "id": lambda x: f"lower(hex({x}))",
    "ids": lambda x: f"arrayMap(x -> lower(hex(x)), {x})",
    "time": lambda x: f"fromUnixTimestamp64Nano(toInt64(least({x}, 9223372036854775807)), 'UTC')",
    "times": lambda x: (
        "arrayMap(x -> fromUnixTimestamp64Nano(toInt64(least(x, 9223372036854775807)), 'UTC'), "
        f"{x})"
    ),
    "day": lambda x: _partition(x, "toYYYYMMDD"),
    "month": lambda x: _partition(x, "toYYYYMM"),
    "entities": lambda x: f"if(empty({x}), '', toJSONString({x}))",
    # The same oneof has other field numbers in an exemplar than in a data point.
    "exemplar_number": lambda x: (
        f"multiIf({x}.value = 3, {x}.as_double, {x}.value = 6, toFloat64({x}.as_int), nan)"
    ),
    "number": lambda x: (
        f"multiIf({x}.value = 4, {x}.as_double, {x}.value = 6, toFloat64({x}.as_int), nan)"
    ),
    **VIEW_CALLS,
}
# Macros that take more than one argument; the last one may have commas.
_ARGUMENTS = {
    "identity": 2, "record_identity": 2, "run_dimension": 2, "first": 3,
}  # fmt: skip
_CALL = re.compile(r"@(\w+)\(((?:[^()]|\([^()]*(?:\([^()]*\)[^()]*)*\))*)\)")
_WORD = re.compile(r"@(\w+)\b")
_COMMENT = re.compile(r"(?m)^\s*--[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Migration:
    """One schema file: its number, its name and the statement with macros expanded."""

    version: int
    name: str
    sql: str


def expand(sql: str) -> str:
    """Replace `@word` and `@word(arguments)` by what they stand for.

    A block may have such words itself. An unknown word is a KeyError.
    """
    blocks = _blocks()
    sql = _WORD.sub(lambda match: blocks.get(match.group(1), match.group()), sql)

    def call(match: re.Match[str]) -> str:
        name, arguments = match.group(1), match.group(2)
        if name not in _CALLS:
            return _WORDS[name] + f"({arguments})"
        splits = _ARGUMENTS.get(name, 1) - 1
        return _CALLS[name](*(part.strip() for part in arguments.split(",", splits)))

    return _WORD.sub(lambda match: _WORDS[match.group(1)], _CALL.sub(call, sql))


@cache
def _blocks() -> dict[str, str]:
    """The files of `schema/blocks` by name, without their comments."""
    folder = resources.files(__package__) / "schema" / "blocks"
    return {
        entry.name.removesuffix(".sql"): _COMMENT.sub("", entry.read_text("utf-8")).strip()
        for entry in folder.iterdir()
    }


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
