"""What KQL has and we refuse: named, with what to use instead, never passed over in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import suggest
from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.parser_cursor import StoppedError
from stepsight_collector.kql.syntax import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepsight_collector.kql.parser_cursor import Cursor

__all__ = [
    "OPERATORS",
    "chart",
    "check_call",
    "command",
    "count_as",
    "open_schema",
    "operator",
    "second_key",
    "source",
    "statement",
]

# Operators of Kusto that are refused, and what to use.
OPERATORS = {
    "consume": "Use count to see how many rows there are.",
    "facet": "Send one summarize for each column: summarize count() by column.",
    "fork": "Send each branch as a query of its own.",
    "graph-mark-components": "Use join to follow one step of a relation.",
    "graph-match": "Use join to follow one step of a relation.",
    "graph-shortest-paths": "Use join to follow one step of a relation.",
    "graph-to-table": "Use join to follow one step of a relation.",
    "make-graph": "Use join to follow one step of a relation.",
    "macro-expand": "Write the query once for each table, and join them with union.",
    "project-by-names": "Name the columns: project a, b, or project-keep with a pattern.",
    "reduce": "Use summarize count() by a column, or extract(…) to group texts by a pattern.",
    "scan": "Use serialize with prev(…) and row_cumsum(…) to look at the rows before.",
    "top-hitters": "Use summarize n = count() by column | top 10 by n.",
    "execute-and-cache": "Use let and materialize(…).",
    "assert-schema": "Remove it; getschema shows the columns.",
}
_PLACES = {
    "cluster": "Write the table's name alone: there is one store.",
    "database": "Write the table's name alone: there is one store.",
    "external_table": "A query reaches nothing outside of the store.",
    "externaldata": "Write the values with datatable(…)[…], or in a let list.",
    "materialized_view": "Write the name of a table.",
    "stored_query_result": "Write the query itself.",
    "graph": "Graphs are not supported.",
}


def _refuse(message: str, span: Span, hint: str) -> StoppedError:
    return StoppedError(Diagnostic("unsupported", message, span, hint))


def operator(cursor: Cursor, word: str) -> StoppedError:
    """An operator that we do not have."""
    start = cursor.starts[cursor.at]
    span = Span(start, start + len(word))
    return _refuse(f'the operator "{word}" is not supported', span, OPERATORS[word])


def check_call(name: str, span: Span) -> None:
    """Refuse other clusters and databases, external data, and the like."""
    if name in _PLACES:
        raise _refuse(f"{name}( ) is not supported", span, _PLACES[name])


def source(cursor: Cursor, word: str) -> StoppedError:
    """`externaldata (…) […]`."""
    return _refuse(f"{word} is not supported", cursor.here(), _PLACES[word])


def count_as(cursor: Cursor, name: str) -> StoppedError:
    """`count as name`."""
    return _refuse(
        '"count as" is not supported',
        cursor.here(),
        f"Write count | project-rename {name} = Count, or summarize {name} = count().",
    )


def second_key(cursor: Cursor) -> StoppedError:
    """`top 5 by a, b`."""
    return _refuse(
        '"top" sorts by one key only',
        cursor.here(),
        "For several keys write sort by a, b | take 10.",
    )


def chart(cursor: Cursor, name: str, charts: Sequence[str]) -> StoppedError:
    """`render` of a kind that does not exist."""
    hint = suggest.did_you_mean(name, charts) or f"The charts are {', '.join(charts)}."
    message = f'there is no chart "{name}"'
    return StoppedError(Diagnostic("syntax", message, cursor.here_of(cursor.at - 1), hint))


def open_schema(cursor: Cursor) -> StoppedError:
    """`(*, a:string)`: columns that are not known."""
    return _refuse(
        '"*" among the columns is not supported', cursor.here(), "Name each column with its type."
    )


def command(cursor: Cursor) -> StoppedError:
    """`.show tables` and other commands to a Kusto service."""
    span = Span(cursor.starts[cursor.at], cursor.ends[cursor.at + 1])
    name = cursor.text[span.start : span.end]
    return _refuse(
        f'"{name}" is a command to a Kusto service, not a query',
        span,
        "Commands are not supported. The command line's stepsight schema lists tables and columns.",
    )


def statement(cursor: Cursor, word: str) -> StoppedError:
    """`alias`, `restrict`, `declare pattern`."""
    return _refuse(
        f'the statement "{word}" is not supported',
        cursor.here(),
        "Statements are let, set, and declare query_parameters(name:type = value).",
    )
