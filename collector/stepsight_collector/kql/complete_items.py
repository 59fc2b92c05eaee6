"""The items that completion offers: from the schema, the functions' tables and the syntax."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from stepsight_collector.kql.aggregate_table import AGGREGATES
from stepsight_collector.kql.functions import FUNCTIONS
from stepsight_collector.kql.operator_usage import SOURCES as SOURCE_USAGES
from stepsight_collector.kql.operator_usage import STATEMENTS as STATEMENT_USAGES
from stepsight_collector.kql.operator_usage import USAGES
from stepsight_collector.kql.operators.plugins import PLUGINS
from stepsight_collector.kql.parser_joins import JOIN_KINDS, LOOKUP_KINDS
from stepsight_collector.kql.parser_operators import CHARTS
from stepsight_collector.kql.parser_sources import SEARCH_KINDS, UNION_KINDS
from stepsight_collector.kql.printer_text import name as written
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepsight_collector.kql.functions.table import Function
    from stepsight_collector.kql.lexer import Pieces
    from stepsight_collector.kql.schema import Schema

__all__ = [
    "BEGINNING",
    "BEHIND",
    "CONTINUING",
    "FIXED",
    "INFIX",
    "INFIX_WORDS",
    "OPERATORS",
    "OPTION_VALUES",
    "PIPE",
    "SIDES",
    "SOURCES",
    "SPANS",
    "STATEMENTS",
    "TYPES",
    "Item",
    "aggregates",
    "columns",
    "functions",
    "keys_of",
    "tables",
    "takes_aggregates",
    "values",
    "variables",
]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that fits.

    `kind` is table, column, operator, function, aggregate, keyword, value or key; `detail` one line
    about it; `insert` the text to put there.
    """

    label: str
    kind: str
    detail: str
    insert: str


def _keywords(*words: str) -> tuple[Item, ...]:
    return tuple(Item(word.rstrip("=( "), "keyword", "", word) for word in words)


def values(words: Iterable[str]) -> tuple[Item, ...]:
    """Values of an option, as they are."""
    return tuple(Item(word, "value", "", word) for word in words)


OPERATORS = tuple(Item(word, "operator", each.sentence, word) for word, each in USAGES.items())
SOURCES = tuple(Item(word, "operator", each.sentence, word) for word, each in SOURCE_USAGES.items())
STATEMENTS = tuple(
    Item(word, "keyword", each.sentence, word) for word, each in STATEMENT_USAGES.items()
)
TYPES = values(kind.value for kind in ScalarType)
SPANS = values(("5m", "1h", "1d", "7d", "30d"))
PIPE = (Item("|", "keyword", "The next operator follows.", "| "),)
SIDES = (
    Item("$left", "keyword", "The row of the left side.", "$left."),
    Item("$right", "keyword", "The row of the right side.", "$right."),
)
INFIX_WORDS = (
    "and", "or", "has", "!has", "has_any", "has_all", "contains", "!contains", "startswith",
    "!startswith", "endswith", "in", "!in", "in~", "between", "!between", "matches regex",
    "has_cs", "contains_cs", "startswith_cs", "endswith_cs", "hasprefix", "hassuffix",
)  # fmt: skip
INFIX = _keywords(*INFIX_WORDS)
# Words behind which a value follows.
CONTINUING = frozenset(
    {"by", "on", "with", "from", "to", "step", "of", "where", "limit", "in", "regex", "matches",
     "default", "nulls"}
)  # fmt: skip
_ORDERS = ("asc", "desc", "nulls first", "nulls last")
# What may follow a complete value, by operator.
BEHIND = {
    "summarize": _keywords("by"),
    "order": _keywords(*_ORDERS),
    "sort": _keywords(*_ORDERS),
    "top": _keywords("by", *_ORDERS),
    "join": _keywords("on"),
    "lookup": _keywords("on"),
    "parse": _keywords("with"),
    "parse-where": _keywords("with"),
    "parse-kv": _keywords("as (", "with ("),
    "mv-expand": _keywords("to typeof(", "limit"),
    "mv-apply": _keywords("to typeof(", "limit", "on ("),
    "make-series": _keywords("default=", "on", "from", "to", "step", "by"),
    "project-reorder": _keywords("asc", "desc", "granny-asc", "granny-desc"),
    "sample-distinct": _keywords("of"),
    "top-nested": _keywords("of", "with others=", "by", "asc", "desc"),
    "partition": _keywords("("),
    "range": _keywords("from", "to", "step"),
    "find": _keywords("where", "project"),
}
# What may follow the operator's name.
BEGINNING = {
    "join": _keywords("kind="),
    "lookup": _keywords("kind="),
    "union": _keywords("kind=", "withsource=", "isfuzzy=true"),
    "search": _keywords("kind=", "in ("),
    "find": _keywords("withsource=", "in (", "where"),
    "parse": _keywords("kind=", "flags="),
    "parse-where": _keywords("kind=", "flags="),
    "mv-expand": _keywords("bagexpansion=", "with_itemindex="),
    "mv-apply": _keywords("with_itemindex="),
    "make-series": _keywords("kind=nonempty"),
    "summarize": _keywords("by"),
    "order": _keywords("by"),
    "sort": _keywords("by"),
    "partition": _keywords("by"),
}
OPTION_VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "join": {"kind": JOIN_KINDS},
    "lookup": {"kind": LOOKUP_KINDS},
    "union": {"kind": UNION_KINDS, "isfuzzy": ("true", "false")},
    "search": {"kind": SEARCH_KINDS},
    "parse": {"kind": ("simple", "regex", "relaxed")},
    "parse-where": {"kind": ("simple", "regex", "relaxed")},
    "mv-expand": {"bagexpansion": ("bag", "array"), "kind": ("bag", "array")},
    "make-series": {"kind": ("nonempty",)},
}
# Operators behind which one of a few words fits.
FIXED = {
    "render": values(CHARTS),
    "evaluate": tuple(Item(word, "function", "A plugin.", word + "(") for word in PLUGINS),
}


def takes_aggregates(operator: str, words: list[str]) -> bool:
    """Whether an aggregate may stand at the end of a stage."""
    if operator == "summarize":
        return "by" not in words
    if operator == "make-series":
        return "on" not in words
    return operator == "top-nested" and "by" in words


def tables(schema: Schema) -> list[Item]:
    """Every table, with its description."""
    return [
        Item(name, "table", table.description, written(name))
        for name, table in schema.tables.items()
    ]


def columns(found: Mapping[str, ScalarType], schema: Schema) -> list[Item]:
    """Columns with their types, and what the schema says of those that it knows."""
    described = _descriptions(schema)
    return [
        Item(
            name, "column", " ".join(filter(None, (kind.value, described.get(name)))), written(name)
        )
        for name, kind in found.items()
    ]


def _descriptions(schema: Schema) -> dict[str, str]:
    return {
        column.name: column.description
        for table in reversed(list(schema.tables.values()))
        for column in table.columns
    }


@cache
def functions() -> tuple[Item, ...]:
    """Every scalar function with its sentence."""
    return tuple(_function(each, "function") for each in _by_name(FUNCTIONS))


@cache
def aggregates() -> tuple[Item, ...]:
    """Every aggregate with its sentence."""
    return tuple(_function(each, "aggregate") for each in _by_name(AGGREGATES))


def _by_name(known: Mapping[str, Function]) -> list[Function]:
    return [known[name] for name in sorted(known)]


def _function(function: Function, kind: str) -> Item:
    closing = "" if function.signature else ")"
    return Item(function.name, kind, function.doc, f"{function.name}({closing}")


def keys_of(column: str, schema: Schema, *, is_quoted: bool = False) -> list[Item]:
    """The keys of a bag that are known: the store has columns for them."""
    for table in schema.tables.values():
        for each in table.columns:
            if each.name == column and each.bag is not None:
                detail = f"A key of {column}."
                return [
                    Item(key, "key", detail, key if is_quoted else written(key))
                    for key in each.bag.keys
                ]
    return []


def variables(pieces: Pieces, count: int) -> list[Item]:
    """What let has named before the cursor."""
    found = []
    for at in range(count - 2):
        if pieces.texts[at] == "let" and pieces.texts[at + 2] == "=":
            name = pieces.texts[at + 1]
            is_function = pieces.texts[at + 3 : at + 4] in (["("], ["view"])
            kind = "function" if is_function else "value"
            found.append(Item(name, kind, "Named with let.", name + ("(" if is_function else "")))
    return found
