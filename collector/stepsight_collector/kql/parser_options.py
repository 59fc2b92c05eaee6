"""Options between an operator's name and its arguments: `kind=inner`, `hint.strategy=shuffle`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepsight_collector.kql import lexer, suggest
from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.parser_cursor import StoppedError
from stepsight_collector.kql.parser_literals import parse_number, parse_typed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepsight_collector.kql.parser_cursor import Cursor
    from stepsight_collector.kql.syntax import Span

__all__ = ["Option", "option_value", "parse_options"]

_BOOLS = {"true": True, "false": False}


class Option(NamedTuple):
    """An option's value and the place of that value."""

    value: object
    span: Span


def parse_options(
    cursor: Cursor,
    operator: str,
    allowed: Mapping[str, Sequence[str]] | None = None,
    *,
    is_strict: bool = False,
) -> dict[str, Option]:
    """Step over the options that stand here; `allowed` says which, with their values.

    No values means any. Hints (`hint.…=…`) are stepped over: they concern how Kusto spreads work.
    Another name before `=` ends the options, or is an error if `is_strict`.
    """
    options: dict[str, Option] = {}
    names = allowed or {}
    while cursor.kinds[cursor.at] == lexer.NAME:
        name = cursor.texts[cursor.at]
        following = cursor.texts[cursor.at + 1]
        if name == "hint" and following == ".":
            _skip_hint(cursor)
        elif following != "=" or (name not in names and not is_strict):
            break
        elif name not in names:
            raise _unknown(cursor, operator, "option", name, names)
        else:
            cursor.at += 2
            options[name] = _read(cursor, operator, name, names[name])
    return options


def _skip_hint(cursor: Cursor) -> None:
    cursor.at += 2
    name = cursor.name('a name after "hint."')
    cursor.expect("=", f'"hint.{name}"')
    option_value(cursor)


def _read(cursor: Cursor, operator: str, name: str, values: Sequence[str]) -> Option:
    start = cursor.starts[cursor.at]
    value = option_value(cursor)
    span = cursor.span(start)
    if values and value not in values:
        cursor.at -= 1
        raise _unknown(cursor, operator, name, str(value), values)
    return Option(value, span)


def _unknown(
    cursor: Cursor, operator: str, what: str, name: str, names: Mapping[str, object] | Sequence[str]
) -> StoppedError:
    return StoppedError(
        Diagnostic(
            "syntax",
            f'"{operator}" has no {what} "{name}"',
            cursor.here(),
            suggest.did_you_mean(name, names) or f"It takes {', '.join(sorted(names))}.",
        )
    )


def option_value(cursor: Cursor) -> object:
    """A word, a text, a number or a constant after `=`."""
    kind = cursor.kinds[cursor.at]
    if kind == lexer.STRING:
        return cursor.string()
    if kind in {lexer.NUMBER, lexer.TIMESPAN}:
        return parse_number(cursor).value
    if kind == lexer.TYPED:
        return parse_typed(cursor).value
    if kind in {"-", "+"} and cursor.kinds[cursor.at + 1] == lexer.NUMBER:
        cursor.at += 1
        number = parse_number(cursor).value
        return -number if kind == "-" and isinstance(number, int | float) else number
    if kind == lexer.NAME and cursor.texts[cursor.at] in _BOOLS:
        cursor.at += 1
        return _BOOLS[cursor.texts[cursor.at - 1]]
    return cursor.name('a value after "="')
