"""What is said between operators and statements when something else stands there.

Each function makes the error for one place of the grammar; the cursor stands at what is wrong.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer, suggest
from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.operator_usage import SOURCES, STATEMENTS, USAGES
from stepsight_collector.kql.parser_cursor import StoppedError
from stepsight_collector.kql.syntax import Span

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from stepsight_collector.kql.parser_cursor import Cursor


def with_example(error: StoppedError, cursor: Cursor, begin: int) -> list[Diagnostic]:
    """What is wrong, with an example of what began at piece `begin` if there is no better hint."""
    at, cursor.at = cursor.at, begin
    word = cursor.hyphenated()
    cursor.at = at
    usage = USAGES.get(word) if begin else SOURCES.get(word)
    usage = usage or STATEMENTS.get(word)
    if usage is None:
        return list(error.diagnostics)
    return [
        each if each.hint else replace(each, hint=f"As in {usage.example}")
        for each in error.diagnostics
    ]


def after_operator(cursor: Cursor, begin: int, operators: Container[str]) -> StoppedError:
    """What began at piece `begin` is complete, and something stands behind it."""
    text, before = cursor.texts[cursor.at], cursor.texts[cursor.at - 1]
    if text in {")", "]", "}"}:
        opening = {")": "(", "]": "[", "}": "{"}[text]
        return cursor.mistake(
            f'"{text}" closes no "{opening}"', f'Remove it, or add the "{opening}".'
        )
    if cursor.hyphenated() in operators and text != "as":
        return cursor.mistake(
            f'expected "|" before "{cursor.hyphenated()}"',
            f"Each operator follows a pipe: | {cursor.hyphenated()} …",
        )
    if before == "not":
        return cursor.mistake(
            'expected "(" after "not"',
            'Write not(message has "x"), or message !has "x".',
        )
    return cursor.error(_end_of(cursor, begin), _missing(cursor))


def _end_of(cursor: Cursor, begin: int) -> str:
    at, cursor.at = cursor.at, begin
    word = cursor.hyphenated()
    cursor.at = at
    return f'expected "|" or the end after "{word}"'


def _missing(cursor: Cursor) -> str:
    """What may be missing between two things that stand side by side."""
    kind, before = cursor.kinds[cursor.at], cursor.kinds[cursor.at - 1]
    if before == lexer.STRING and kind == lexer.NAME and cursor.is_adjacent():
        mark = cursor.texts[cursor.at - 1][-1]
        return f"A quotation mark inside of a text is written \\{mark}."
    if cursor.is_first_of_line():
        return 'An operator follows a pipe, "|". A second query is sent on its own.'
    if kind in {lexer.NAME, lexer.STRING, lexer.NUMBER}:
        return "Is a pipe, a comma, a comparison or a quotation mark missing?"
    return ""


def no_operator(cursor: Cursor) -> StoppedError:
    """Behind a pipe stands no word."""
    text = cursor.texts[cursor.at]
    if cursor.kinds[cursor.at] == lexer.END or text in {")", ";", "}"}:
        pipe = cursor.at - 1
        return cursor.mistake(
            f'expected an operator after "|", but {cursor.found()}',
            "Remove the last pipe, or write an operator such as where, summarize or take.",
            cursor.here_of(pipe),
        )
    hint = "There is one pipe too many." if text == "|" else ""
    return cursor.error('expected an operator after "|"', hint)


def unknown_operator(cursor: Cursor, word: str, operators: Iterable[str]) -> StoppedError:
    """A word behind a pipe that is no operator."""
    start = cursor.starts[cursor.at]
    known = _FOREIGN_OPERATORS.get(word.lower())
    hint = known or suggest.did_you_mean(word, operators) or _SOME_OPERATORS
    message = f'there is no operator "{word}"'
    return StoppedError(
        Diagnostic("unknown_operator", message, Span(start, start + len(word)), hint)
    )


def no_source(cursor: Cursor) -> StoppedError:
    """A table should begin here."""
    text = cursor.texts[cursor.at]
    if text == "|":
        return cursor.mistake(
            'expected a table before "|"',
            "A query begins with what it reads: traces | where …",
        )
    return cursor.error("expected a table or a query", "As in traces | take 10.")


def check_source(cursor: Cursor) -> None:
    """Refuse a query that begins as one of another language, or with an operator."""
    word = cursor.texts[cursor.at]
    if word.lower() == "select" and cursor.kinds[cursor.at + 1] in {lexer.NAME, "*"}:
        raise cursor.mistake(
            "this is SQL, but a query is written in KQL",
            "Write table | where condition | project columns, "
            "or table | summarize count() by column.",
        )
    if word.lower() in {"from", "show"} and cursor.kinds[cursor.at + 1] == lexer.NAME:
        raise cursor.mistake(
            f'a query does not begin with "{word}"',
            "It begins with its table: traces | take 10. Tables are listed by stepsight schema.",
        )
    if word in {"where", "take", "limit", "project", "extend", "summarize"} and (
        cursor.kinds[cursor.at + 1] in {lexer.NAME, lexer.NUMBER}
    ):
        raise cursor.mistake(
            f'expected a table before "{word}"',
            f"A query begins with what it reads: traces | {word} …",
        )


def no_table(cursor: Cursor, span: Span) -> StoppedError:
    """A query begins with a value that has no rows."""
    text = cursor.text[span.start : span.end]
    return cursor.mistake(
        f"{text} is not a table",
        f"A query begins with a table; to see a value write print {text}.",
        span,
    )


def second_query(cursor: Cursor) -> StoppedError:
    """Behind the query stands another one."""
    if cursor.texts[cursor.at] == "|":
        return cursor.mistake(
            'the query ended with the ";" before this "|"',
            "Remove the semicolon if the query goes on.",
        )
    return cursor.mistake(
        "a second query begins here, and one is answered at a time",
        "Send it on its own; to have a table for later use, write let name = … in front.",
    )


def no_query(cursor: Cursor) -> StoppedError:
    """Nothing but statements, or nothing at all."""
    if cursor.at == 0:
        return cursor.mistake("the query is empty", "Begin with a table: traces | take 10.")
    return cursor.mistake(
        "expected a query after the last statement, but the text ends here",
        "Add what is to be answered, as in let x = 5; traces | take x.",
    )


def no_semicolon(cursor: Cursor, what: str) -> StoppedError:
    """A statement is complete, and the next thing is no ";"."""
    if cursor.texts[cursor.at] == "{":
        return cursor.mistake(
            "a function's parameters need types",
            "Write let f = (x:long, name:string) { … };",
        )
    hint = f"End the {what} with a semicolon before the next statement or the query."
    error = cursor.error(f'expected ";" after the {what} statement', hint)
    error.is_closed = cursor.is_first_of_line()
    return error


_SOME_OPERATORS = (
    "Operators are where, project, extend, summarize, order, take, top, join, union, and others."
)
_FOREIGN_OPERATORS = {
    "select": 'Write "project" with the columns.',
    "group": 'Write "summarize aggregates by columns".',
    "groupby": 'Write "summarize aggregates by columns".',
    "orderby": 'Write "order by".',
    "sortby": 'Write "sort by".',
    "left": 'Write "join kind=leftouter (right) on key".',
    "leftjoin": 'Write "join kind=leftouter (right) on key".',
    "inner": 'Write "join kind=inner (right) on key".',
    "head": 'Write "take 10".',
    "tail": 'Write "top 10 by timestamp".',
    "stats": 'Write "summarize".',
    "eval": 'Write "extend".',
    "dedup": 'Write "distinct", or summarize take_any(*) by the columns.',
    "fields": 'Write "project".',
    "rename": 'Write "project-rename new = old".',
    "from": "A query begins with its table: traces | …",
    "table": 'Write "project" with the columns.',
    "having": 'Write "where" behind the summarize.',
    "grep": 'Write "where message contains "x"", or "search "x"".',
    "set": 'Write "extend" to add a column.',
    "drop": 'Write "project-away".',
    "avg": "An aggregate stands in summarize: summarize avg(x).",
    "sum": "An aggregate stands in summarize: summarize sum(x).",
    "dcount": "An aggregate stands in summarize: summarize dcount(x).",
    "max": "An aggregate stands in summarize: summarize max(x).",
    "min": "An aggregate stands in summarize: summarize min(x).",
}
