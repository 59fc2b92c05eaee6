"""Expressions: what they are made of, and which operator binds more tightly.

From loose to tight: or; and; equality, `in` and `between`; `<` and its like; `+ -`; `* / %`; the
string operators; signs; access to members and elements. Source: Kql.g4 of Microsoft's
Kusto-Query-Language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer, parser_hints, parser_refusals
from stepsight_collector.kql.parser_literals import parse_dynamic, parse_number, parse_typed
from stepsight_collector.kql.syntax import (
    Between,
    Binary,
    Call,
    Expression,
    In,
    Index,
    Literal,
    Member,
    Name,
    Named,
    Query,
    Span,
    Star,
    Typeof,
    Unary,
)
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.parser_cursor import Cursor

__all__ = [
    "AND",
    "EQUAL",
    "INFIX",
    "OR",
    "UNCHAINED",
    "parse_call",
    "parse_column",
    "parse_columns",
    "parse_expression",
    "parse_operand",
    "parse_path",
    "parse_value",
]

OR, AND, EQUAL, _LESS, _ADD, _MULTIPLY, _TEXT = range(1, 8)
_STRING_OPERATORS = (
    "=~", "!~", "has", "!has", "has_cs", "!has_cs", "hasprefix", "!hasprefix", "hasprefix_cs",
    "!hasprefix_cs", "hassuffix", "!hassuffix", "hassuffix_cs", "!hassuffix_cs", "contains",
    "!contains", "contains_cs", "!contains_cs", "startswith", "!startswith", "startswith_cs",
    "!startswith_cs", "endswith", "!endswith", "endswith_cs", "!endswith_cs", "matches",
)  # fmt: skip
_LISTS = frozenset({"in", "!in", "in~", "!in~", "has_any", "has_all"})
_BETWEEN = frozenset({"between", "!between"})
# Old spellings, and what they mean.
_SPELLINGS = {
    "<>": "!=", "notcontains": "!contains", "containscs": "contains_cs",
    "notcontainscs": "!contains_cs", "matches": "matches regex", ":": "has",
}  # fmt: skip

# How tightly each operator binds.
INFIX: dict[str, int] = {
    "or": OR, "and": AND,
    "==": EQUAL, "!=": EQUAL, "<>": EQUAL,
    "<": _LESS, "<=": _LESS, ">": _LESS, ">=": _LESS,
    "+": _ADD, "-": _ADD, "*": _MULTIPLY, "/": _MULTIPLY, "%": _MULTIPLY,
}  # fmt: skip
INFIX |= dict.fromkeys(_LISTS | _BETWEEN, EQUAL) | dict.fromkeys(_STRING_OPERATORS, _TEXT)
INFIX |= dict.fromkeys(("notcontains", "containscs", "notcontainscs", ":"), _TEXT)
UNCHAINED = frozenset({EQUAL, _LESS, _TEXT})
# Words that cannot be a name where an expression begins.
_RESERVED = frozenset(word for word in INFIX if word[0].isalpha()) | {"by"} | parser_hints.NULLS
# What no table is, so that a pipe cannot follow it.
_SCALARS = (Named, Literal, Unary, Binary, In, Between, Index, Star, Typeof)
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def parse_expression(cursor: Cursor, floor: int = 0) -> Expression:
    """An expression of operators that bind more tightly than `floor`."""
    left = parse_operand(cursor)
    texts = cursor.texts
    while True:
        operator = texts[cursor.at]
        strength = INFIX.get(operator, 0)
        if strength <= floor:
            return left
        at = cursor.at
        cursor.at = at + 1
        if operator in _LISTS:
            left = _parse_in(cursor, operator, left, at)
        elif operator in _BETWEEN:
            left = _parse_between(cursor, operator, left)
        else:
            if operator == "matches":
                cursor.expect("regex", '"matches"')
            span = Span(cursor.starts[at], cursor.ends[cursor.at - 1])
            right = parse_expression(cursor, strength)
            left = Binary(
                _SPELLINGS.get(operator, operator),
                left,
                right,
                Span(left.span.start, cursor.ends[cursor.at - 1]),
                span,
            )
        if strength in UNCHAINED and INFIX.get(texts[cursor.at]) == strength:
            raise parser_hints.chained(cursor, operator)


def parse_operand(cursor: Cursor) -> Expression:
    """A constant, a name, a call or something in parentheses, with what is tied to it."""
    parse = _OPERANDS.get(cursor.kinds[cursor.at])
    if parse is None:
        raise parser_hints.no_operand(cursor)
    operand = parse(cursor)
    if cursor.texts[cursor.at] in _ACCESS:
        return _parse_access(cursor, operand)
    return operand


def _parse_word(cursor: Cursor) -> Expression:
    at = cursor.at
    word = cursor.texts[at]
    if word in _RESERVED or word[0] == "!":
        raise parser_hints.no_operand(cursor)
    if cursor.texts[at + 1] == "(":
        return _parse_call(cursor, word)
    if word[0].isdigit():
        parser_hints.check_number(cursor)
    cursor.at = at + 1
    if word in _BOOLS:
        return Literal(ScalarType.BOOL, _BOOLS[word], cursor.here_of(at))
    return Name(word, cursor.here_of(at))


def _parse_string(cursor: Cursor) -> Literal:
    start = cursor.starts[cursor.at]
    return Literal(ScalarType.STRING, cursor.string(), cursor.span(start))


def _parse_star(cursor: Cursor) -> Star:
    cursor.at += 1
    return Star(cursor.here_of(cursor.at - 1))


def _parse_bracketed(cursor: Cursor) -> Name:
    if cursor.kinds[cursor.at + 1] != lexer.STRING:
        raise parser_hints.no_operand(cursor)
    start = cursor.starts[cursor.at]
    return Name(cursor.name("a name in quotes"), cursor.span(start))


def parse_path(cursor: Cursor, what: str) -> Expression:
    """A name with what is tied to it, and no call: `customDimensions.step`."""
    start = cursor.starts[cursor.at]
    name = cursor.name(what)
    return _parse_access(cursor, Name(name, cursor.span(start)), before_bracket=True)


def _parse_sign(cursor: Cursor) -> Unary:
    at = cursor.at
    sign = cursor.texts[at]
    cursor.at = at + 1
    if cursor.kinds[cursor.at] in {"-", "+"}:
        cursor.fail(f'expected a value after "{sign}"', "A value has one sign at most.")
    operand = parse_operand(cursor)
    return Unary(sign, operand, cursor.span(cursor.starts[at]))


def _parse_access(
    cursor: Cursor, target: Expression, *, before_bracket: bool = False
) -> Expression:
    """`.name`, `.['name']` and `[index]` after a value, as many as there are.

    A parenthesis behind a name is a method's, which values do not have, unless `before_bracket`:
    then it begins something else.
    """
    start = target.span.start
    while True:
        at = cursor.at
        if cursor.texts[at] == ".":
            cursor.at += 1
            name_start = cursor.starts[cursor.at]
            name = cursor.name('a name after "."')
            if cursor.texts[cursor.at] == "(" and not before_bracket:
                raise parser_hints.method(cursor, name)
            target = Member(target, name, cursor.span(start), cursor.span(name_start))
        elif cursor.texts[at] == "[":
            cursor.enter()
            cursor.at += 1
            index = parse_expression(cursor)
            cursor.close(at)
            cursor.nesting -= 1
            target = Index(target, index, cursor.span(start))
        else:
            return target


def _parse_parentheses(cursor: Cursor) -> Expression:
    opened = cursor.at
    cursor.enter()
    cursor.at += 1
    value = parse_value(cursor)
    cursor.close(opened)
    cursor.nesting -= 1
    return value


def parse_value(cursor: Cursor) -> Expression:
    """An expression or a whole query, where both may stand."""
    start = cursor.starts[cursor.at]
    value = cursor.source(cursor) or parse_expression(cursor)
    if cursor.texts[cursor.at] != "|":
        return value
    if isinstance(value, _SCALARS):
        return value  # the caller misses its closing bracket here
    operators = cursor.pipes(cursor)
    return Query(value, operators, cursor.span(start))


def parse_call(cursor: Cursor, what: str) -> Call:
    """A call where nothing else may stand; `what` says what is called."""
    if cursor.kinds[cursor.at] != lexer.NAME or cursor.texts[cursor.at + 1] != "(":
        if cursor.kinds[cursor.at] == lexer.NAME:
            cursor.at += 1
            cursor.fail(f'expected "(" after "{cursor.texts[cursor.at - 1]}"')
        cursor.fail(f"expected {what}")
    call = _parse_call(cursor, cursor.texts[cursor.at])
    if not isinstance(call, Call):
        cursor.at -= 1
        cursor.fail(f"expected {what}")
    return call


def _parse_call(cursor: Cursor, name: str) -> Expression:
    at = cursor.at
    start = cursor.starts[at]
    if name == "dynamic":
        return parse_dynamic(cursor)
    parser_refusals.check_call(name, cursor.here_of(at))
    cursor.enter()
    cursor.at = at + 2
    if name == "typeof":
        call: Expression = _parse_typeof(cursor, at)
    else:
        if name in parser_hints.TYPED:
            raise parser_hints.no_constant(cursor, name)
        arguments = _parse_arguments(cursor, at + 1)
        call = Call(name, arguments, cursor.span(start), cursor.here_of(at))
    cursor.nesting -= 1
    return call


def _parse_arguments(cursor: Cursor, opened: int) -> tuple[Expression, ...]:
    if cursor.accept(")"):
        return ()
    arguments = [_parse_argument(cursor)]
    while cursor.accept(","):
        arguments.append(_parse_argument(cursor))
    cursor.close(opened)
    return tuple(arguments)


def _parse_argument(cursor: Cursor) -> Expression:
    if cursor.texts[cursor.at + 1] == "=" and cursor.kinds[cursor.at] == lexer.NAME:
        return _parse_named(cursor)
    return parse_value(cursor)


def _parse_typeof(cursor: Cursor, at: int) -> Typeof:
    types = []
    if not cursor.accept("*"):
        types.append(cursor.type())
        while cursor.accept(","):
            types.append(cursor.type())
    cursor.close(at + 1)
    return Typeof(tuple(types), cursor.span(cursor.starts[at]))


def _parse_in(cursor: Cursor, operator: str, left: Expression, at: int) -> In:
    opened = cursor.at
    if cursor.texts[opened] != "(":
        raise parser_hints.no_list(cursor, operator)
    cursor.enter()
    cursor.at += 1
    items = _parse_arguments(cursor, opened)
    cursor.nesting -= 1
    return In(operator, left, items, cursor.span(left.span.start), cursor.here_of(at))


def _parse_between(cursor: Cursor, operator: str, left: Expression) -> Between:
    opened = cursor.at
    if cursor.texts[opened] != "(":
        raise parser_hints.no_range(cursor, operator)
    cursor.enter()
    cursor.at += 1
    low = parse_expression(cursor, AND)
    if not cursor.accept(".."):
        raise parser_hints.no_range(cursor, operator)
    high = parse_expression(cursor, AND)
    cursor.close(opened)
    cursor.nesting -= 1
    return Between(left, low, high, operator[0] == "!", cursor.span(left.span.start))


# ---------------------------------------------------------------------- columns: `name = value`


def parse_columns(cursor: Cursor) -> tuple[Expression, ...]:
    """`a, name = expression, (b, c) = expression`, at least one."""
    columns = [parse_column(cursor)]
    while cursor.accept(","):
        columns.append(parse_column(cursor))
    return tuple(columns)


def parse_column(cursor: Cursor) -> Expression:
    """An expression that may be given a name, or several."""
    kind = cursor.kinds[cursor.at]
    if kind == lexer.NAME:
        if cursor.texts[cursor.at + 1] == "=":
            return _parse_named(cursor)
    elif kind == "[":
        if cursor.kinds[cursor.at + 1] == lexer.STRING and cursor.texts[cursor.at + 3] == "=":
            return _parse_named(cursor)
    elif kind == "(" and _is_list_of_names(cursor):
        return _parse_several_named(cursor)
    return parse_expression(cursor)


def _parse_named(cursor: Cursor) -> Named:
    start = cursor.starts[cursor.at]
    name = cursor.name("a name")
    names_span = cursor.span(start)
    cursor.at += 1
    expression = parse_expression(cursor)
    return Named((name,), expression, cursor.span(start), names_span)


def _is_list_of_names(cursor: Cursor) -> bool:
    """Whether `(a, b) =` stands here."""
    at, texts = cursor.at + 1, cursor.texts
    while cursor.kinds[at] == lexer.NAME or texts[at] in {",", "[", "]"}:
        at += 1
        if cursor.kinds[at] == lexer.STRING and texts[at - 1] == "[":
            at += 1
    return texts[at] == ")" and texts[at + 1] == "="


def _parse_several_named(cursor: Cursor) -> Named:
    opened = cursor.at
    start = cursor.starts[opened]
    cursor.at += 1
    names = [cursor.name("a name")]
    while cursor.accept(","):
        names.append(cursor.name("a name"))
    cursor.close(opened)
    names_span = cursor.span(start)
    cursor.expect("=", "the names")
    expression = parse_expression(cursor)
    return Named(tuple(names), expression, cursor.span(start), names_span)


# By the kind of the piece that begins an operand.
_OPERANDS: dict[str, Callable[[Cursor], Expression]] = {
    lexer.NAME: _parse_word,
    lexer.STRING: _parse_string,
    lexer.NUMBER: parse_number,
    lexer.TIMESPAN: parse_number,
    lexer.TYPED: parse_typed,
    "(": _parse_parentheses,
    "[": _parse_bracketed,
    "-": _parse_sign,
    "+": _parse_sign,
    "*": _parse_star,
}
_ACCESS = frozenset({".", "["})
