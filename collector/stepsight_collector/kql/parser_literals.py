"""Constants in a query: numbers, `datetime(…)` and its like, `dynamic(…)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import constants, lexer
from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.syntax import Literal, Span
from stepsight_collector.kql.types import TYPE_NAMES, ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.parser_cursor import Cursor

__all__ = ["parse_dynamic", "parse_number", "parse_typed"]

_MAX_LONG = 2**63 - 1
_WORDS = {"true": True, "false": False, "null": None}


def parse_number(cursor: Cursor) -> Literal:
    """`5`, `0x1F`, `1.5`, `1e3`, `7d`."""
    at = cursor.at
    text, span = cursor.texts[at], cursor.here_of(at)
    cursor.at = at + 1
    if cursor.kinds[at] == lexer.TIMESPAN:
        ticks = constants.read_timespan(text)
        if ticks is None:
            _report(cursor, span, f"{text} is longer than a timespan can be", "")
        return Literal(ScalarType.TIMESPAN, ticks, span)
    if text.isdigit():
        value = int(text) if len(text) < 20 else _MAX_LONG + 1  # noqa: PLR2004 - digits of 2**63
    elif text[:2] in {"0x", "0X"}:
        value = int(text, 16)
    else:
        return Literal(ScalarType.REAL, float(text), span)
    if value > _MAX_LONG:
        _report(
            cursor,
            span,
            f"{text} is more than a long can hold, which is {_MAX_LONG}",
            f"Write it as a real or a decimal: real({text}), decimal({text}).",
        )
    return Literal(ScalarType.LONG, value, span)


def _report(cursor: Cursor, span: Span, message: str, hint: str) -> None:
    cursor.diagnostics.append(Diagnostic("bad_value", message, span, hint))


def parse_typed(cursor: Cursor) -> Literal:
    """`datetime(2024-05-01)`, `int(null)`, `guid(…)`, `time(1d)`."""
    at = cursor.at
    text, start = cursor.texts[at], cursor.starts[at]
    cursor.at = at + 1
    word, _, rest = text.partition("(")
    kind = TYPE_NAMES[word.rstrip()]
    inner = rest[:-1]
    try:
        value = constants.read_typed(kind, inner)
    except constants.BadConstantError as error:
        begin = start + len(word) + 1
        _report(cursor, Span(begin, begin + len(inner)), str(error), error.hint)
        value = None
    return Literal(kind, value, cursor.here_of(at))


def parse_dynamic(cursor: Cursor) -> Literal:
    """`dynamic(…)` with a JSON value, in which other constants may stand."""
    start = cursor.starts[cursor.at]
    opened = cursor.at + 1
    cursor.at += 2
    value = _parse_json(cursor)
    cursor.close(opened)
    return Literal(ScalarType.DYNAMIC, value, cursor.span(start))


def _parse_json(cursor: Cursor) -> object:
    kind, text = cursor.kinds[cursor.at], cursor.texts[cursor.at]
    if kind == lexer.NAME and text in _WORDS:
        cursor.at += 1
        return _WORDS[text]
    if kind == lexer.NAME and text == "dynamic" and cursor.texts[cursor.at + 1] == "(":
        return parse_dynamic(cursor).value
    parse = _JSON.get(kind)
    if parse is not None:
        return parse(cursor)
    return cursor.fail(
        "expected a constant inside of dynamic( )",
        'It takes JSON: dynamic([1, 2]), dynamic({"key": "value"}). '
        "For values that are no constants use pack_array(…) or bag_pack(…).",
    )


def _parse_array(cursor: Cursor) -> list[object]:
    opened = cursor.at
    cursor.enter()
    cursor.at += 1
    items: list[object] = []
    while cursor.texts[cursor.at] != "]":
        items.append(_parse_json(cursor))
        if not cursor.accept(","):
            break
    cursor.close(opened)
    cursor.nesting -= 1
    return items


def _parse_bag(cursor: Cursor) -> dict[str, object]:
    opened = cursor.at
    cursor.enter()
    cursor.at += 1
    bag: dict[str, object] = {}
    while cursor.texts[cursor.at] != "}":
        if cursor.kinds[cursor.at] != lexer.STRING:
            cursor.fail("expected a key in quotes", 'Write it as {"key": value}.')
        key = cursor.string()
        if not cursor.accept(":"):
            cursor.fail(f'expected ":" after the key "{key}"', 'Write it as {"key": value}.')
        bag[key] = _parse_json(cursor)
        if not cursor.accept(","):
            break
    cursor.close(opened)
    cursor.nesting -= 1
    return bag


def _parse_json_constant(cursor: Cursor) -> object:
    """A number; or a datetime or a timespan, which JSON holds as its text."""
    sign = cursor.texts[cursor.at]
    if sign in {"-", "+"}:
        cursor.at += 1
        if cursor.kinds[cursor.at] != lexer.NUMBER:
            cursor.fail(f'expected a number after "{sign}"')
    typed = cursor.kinds[cursor.at] == lexer.TYPED
    literal = parse_typed(cursor) if typed else parse_number(cursor)
    value = literal.value
    if value is None:
        return None
    if literal.type is ScalarType.DATETIME and isinstance(value, int):
        return constants.write_datetime(value)
    if literal.type is ScalarType.TIMESPAN and isinstance(value, int):
        return constants.write_timespan(value)
    if isinstance(value, int | float):
        return -value if sign == "-" else value
    return str(value)


# By the kind of the piece that begins a JSON value.
_JSON: dict[str, Callable[[Cursor], object]] = {
    lexer.STRING: lambda cursor: cursor.string(),
    "[": _parse_array,
    "{": _parse_bag,
    lexer.NUMBER: _parse_json_constant,
    lexer.TIMESPAN: _parse_json_constant,
    lexer.TYPED: _parse_json_constant,
    "-": _parse_json_constant,
    "+": _parse_json_constant,
}
