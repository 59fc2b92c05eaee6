"""KQL text as a syntax tree: statements, the query, and its pipes.

`parse` is the compiler's entry. An error ends its operator; parsing goes on behind the next `|` or
`;`, so that several errors are reported at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer, parser_query_hints, parser_refusals
from stepsight_collector.kql.errors import Diagnostic, KqlError
from stepsight_collector.kql.parser_cursor import Cursor, LostError, StoppedError
from stepsight_collector.kql.parser_depth import MAX_DEPTH, check_depth
from stepsight_collector.kql.parser_operators import OPERATORS
from stepsight_collector.kql.parser_sources import parse_query_value, parse_source
from stepsight_collector.kql.parser_statements import STATEMENTS, parse_statement
from stepsight_collector.kql.syntax import Name, Query, Script, Span

if TYPE_CHECKING:
    from stepsight_collector.kql.syntax import Operator, Source, Statement

__all__ = ["MAX_CHARS", "parse"]

MAX_CHARS = 100_000
# More would not be read.
_MAX_REPORTED = 20
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_ENDS = frozenset({"|", ";", ""})
_NOTHING = Query(Name(""), ())


def parse(text: str, *, max_chars: int = MAX_CHARS) -> Script:
    """Parse a query with the statements before it. Raises KqlError with all that is wrong."""
    if len(text) > max_chars:
        message = f"the query has {len(text)} characters, and may have {max_chars}"
        raise KqlError([Diagnostic("limit", message, Span(max_chars, max_chars + 1))])
    cursor = Cursor(text, parse_pipes, parse_query_value)
    script = _parse_script(cursor)
    if len(cursor.kinds) > MAX_DEPTH:
        check_depth(script)
    if cursor.diagnostics:
        ordered = sorted(cursor.diagnostics, key=lambda each: each.span)
        raise KqlError(ordered[:_MAX_REPORTED])
    return script


def _parse_script(cursor: Cursor) -> Script:
    statements: list[Statement] = []
    query: Query | None = None
    try:
        while cursor.kinds[cursor.at] != lexer.END:
            if query is not None and cursor.diagnostics:
                break
            if query is not None:
                raise parser_query_hints.second_query(cursor)
            if cursor.texts[cursor.at] in STATEMENTS:
                statements += _parse_whole_statement(cursor)
            else:
                query = _parse_query(cursor)
                cursor.accept(";")
        if query is None and not cursor.diagnostics:
            raise parser_query_hints.no_query(cursor)
    except StoppedError as error:
        cursor.diagnostics += error.diagnostics
    except LostError:
        pass  # what led here was reported
    return Script(tuple(statements), query or _NOTHING, Span(0, len(cursor.text)))


def _parse_whole_statement(cursor: Cursor) -> list[Statement]:
    """A statement and its semicolon; none if something is wrong with it."""
    begin = cursor.at
    try:
        statement = parse_statement(cursor)
        if not cursor.accept(";") and cursor.kinds[cursor.at] != lexer.END:
            raise parser_query_hints.no_semicolon(cursor, cursor.texts[begin])
    except StoppedError as error:
        cursor.diagnostics += parser_query_hints.with_example(error, cursor, begin)
        cursor.nesting = 0
        if not (error.is_closed and cursor.is_first_of_line()):
            _recover(cursor, begin, error, stops=";")
            cursor.accept(";")
        return []
    return [statement]


def _parse_query(cursor: Cursor) -> Query:
    begin = cursor.at
    start = cursor.starts[begin]
    source: Source = Name("")
    try:
        if cursor.texts[begin] == ".":
            raise parser_refusals.command(cursor)
        source = parse_source(cursor)
        if cursor.texts[cursor.at] not in _ENDS:
            raise parser_query_hints.after_operator(cursor, cursor.at - 1, OPERATORS)
    except StoppedError as error:
        cursor.diagnostics += parser_query_hints.with_example(error, cursor, begin)
        _recover(cursor, begin, error)
    operators = parse_pipes(cursor) if cursor.texts[cursor.at] == "|" else ()
    if not operators and isinstance(source, Query):
        return source
    return Query(source, operators, cursor.span(start))


def parse_pipes(cursor: Cursor) -> tuple[Operator, ...]:
    """The operators that stand here, with pipes between them, and perhaps one in front."""
    cursor.accept("|")
    operators: list[Operator] = []
    nesting = cursor.nesting
    while True:
        begin = cursor.at
        try:
            operators.append(_parse_operator(cursor))
            text = cursor.texts[cursor.at]
            if text not in _ENDS and not (nesting and text in _CLOSING):
                raise parser_query_hints.after_operator(cursor, begin, OPERATORS)
        except StoppedError as error:
            cursor.diagnostics += parser_query_hints.with_example(error, cursor, begin)
            cursor.nesting = nesting
            _recover(cursor, begin, error)
        if not cursor.accept("|"):
            return tuple(operators)


def _parse_operator(cursor: Cursor) -> Operator:
    at = cursor.at
    if cursor.kinds[at] != lexer.NAME:
        raise parser_query_hints.no_operator(cursor)
    word = cursor.texts[at]
    if cursor.kinds[at + 1] == "-":
        word = cursor.hyphenated()
    parse = OPERATORS.get(word)
    if parse is None:
        if word in parser_refusals.OPERATORS:
            raise parser_refusals.operator(cursor, word)
        raise parser_query_hints.unknown_operator(cursor, word, OPERATORS)
    cursor.skip_word(word)
    return parse(cursor, cursor.starts[at])


def _recover(cursor: Cursor, begin: int, error: StoppedError, stops: str = "|;") -> None:
    """Step to where parsing can go on after an error in what began at piece `begin`.

    That is a pipe or a semicolon outside of the brackets that were opened since, or the bracket
    that closes those around. Raises LostError if the text ends before, or enough was found.
    """
    if len(cursor.diagnostics) >= _MAX_REPORTED:
        raise LostError
    texts = cursor.texts
    depth = 0
    if not error.is_closed:
        for text in texts[begin : cursor.at]:
            depth += (text in _OPENING) - (text in _CLOSING)
        depth = max(depth, 0)
    while cursor.kinds[cursor.at] != lexer.END:
        text = texts[cursor.at]
        if text in _OPENING:
            depth += 1
        elif text in _CLOSING:
            if depth == 0 and cursor.nesting:
                return
            depth = max(depth - 1, 0)
        elif depth == 0 and text in stops:
            return
        cursor.at += 1
    if depth:
        raise LostError
