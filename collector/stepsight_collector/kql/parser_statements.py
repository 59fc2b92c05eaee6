"""What stands before a query: let, set, declare; and the functions that let names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import parser_refusals
from stepsight_collector.kql.parser_expressions import parse_expression, parse_value
from stepsight_collector.kql.parser_sources import parse_schema
from stepsight_collector.kql.syntax import Declare, Function, Let, Parameter, SetOption

if TYPE_CHECKING:
    from stepsight_collector.kql.parser_cursor import Cursor
    from stepsight_collector.kql.syntax import Expression, Statement

__all__ = ["STATEMENTS", "parse_statement"]

# Words that begin a statement.
STATEMENTS = frozenset({"let", "set", "declare", "alias", "restrict"})


def parse_statement(cursor: Cursor) -> Statement:
    """One statement, up to its ";"."""
    word, start = cursor.texts[cursor.at], cursor.starts[cursor.at]
    if word not in {"let", "set"} and cursor.texts[cursor.at + 1] != "query_parameters":
        raise parser_refusals.statement(cursor, word)
    cursor.at += 1
    if word == "let":
        return _parse_let(cursor, start)
    if word == "set":
        return _parse_set(cursor, start)
    cursor.at += 1
    parameters = _parse_parameters(cursor)
    return Declare(parameters, cursor.span(start))


def _parse_let(cursor: Cursor, start: int) -> Let:
    name_start = cursor.starts[cursor.at]
    name = cursor.name('a name after "let"')
    name_span = cursor.span(name_start)
    cursor.expect("=", f'"let {name}"')
    value = _parse_function(cursor) if _is_function(cursor) else parse_value(cursor)
    return Let(name, value, cursor.span(start), name_span)


def _parse_set(cursor: Cursor, start: int) -> SetOption:
    name = cursor.name('the name of an option after "set"')
    value = parse_expression(cursor) if cursor.accept("=") else None
    return SetOption(name, value, cursor.span(start))


def _is_function(cursor: Cursor) -> bool:
    """Whether `(name: …`, `() {` or `view (` stands here."""
    at, texts = cursor.at, cursor.texts
    if texts[at] == "view" and texts[at + 1] == "(":
        return True
    if texts[at] != "(":
        return False
    if texts[at + 1] == ")":
        return True
    name = 3 if texts[at + 1] == "[" else 1  # ['odd name']
    return texts[at + name + 1] == ":"


def _parse_function(cursor: Cursor) -> Function:
    start = cursor.starts[cursor.at]
    is_view = cursor.accept("view")
    parameters = _parse_parameters(cursor)
    opened = cursor.at
    if not cursor.accept("{"):
        cursor.fail('expected "{" with the body of the function after its parameters')
    cursor.enter()
    statements: list[Statement] = []
    while cursor.texts[cursor.at] in STATEMENTS:
        statements.append(parse_statement(cursor))
        cursor.expect(";", "a statement of the function's body")
    body: Expression = parse_value(cursor)
    cursor.accept(";")
    cursor.close(opened)
    cursor.nesting -= 1
    return Function(parameters, tuple(statements), body, cursor.span(start), is_view)


def _parse_parameters(cursor: Cursor) -> tuple[Parameter, ...]:
    opened = cursor.at
    if not cursor.accept("("):
        cursor.fail("expected the parameters in parentheses, as in (name:string, n:long = 5)")
    parameters: list[Parameter] = []
    while cursor.texts[cursor.at] != ")":
        parameters.append(_parse_parameter(cursor))
        if not cursor.accept(","):
            break
    cursor.close(opened)
    return tuple(parameters)


def _parse_parameter(cursor: Cursor) -> Parameter:
    start = cursor.starts[cursor.at]
    name = cursor.name("the name of a parameter")
    cursor.expect(":", f'the parameter "{name}"')
    if cursor.texts[cursor.at] == "(":
        columns = _parse_columns(cursor)
        return Parameter(name, None, columns=columns, span=cursor.span(start))
    kind = cursor.type()
    default = parse_expression(cursor) if cursor.accept("=") else None
    return Parameter(name, kind, default, span=cursor.span(start))


def _parse_columns(cursor: Cursor) -> tuple[Parameter, ...]:
    """The columns that a tabular parameter must have; none for `(*)`."""
    if cursor.kinds[cursor.at + 1] == "*" and cursor.kinds[cursor.at + 2] == ")":
        cursor.at += 3
        return ()
    return parse_schema(cursor)
