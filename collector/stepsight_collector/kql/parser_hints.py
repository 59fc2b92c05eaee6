"""What is said at each place of an expression when something else stands there.

Each function makes the error for one place of the grammar; the cursor stands at what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer
from stepsight_collector.kql.syntax import Span
from stepsight_collector.kql.types import TYPE_NAMES

if TYPE_CHECKING:
    from stepsight_collector.kql.parser_cursor import Cursor, StoppedError

# Types whose parentheses hold a constant, never an expression.
TYPED = frozenset(TYPE_NAMES) - {"string", "dynamic"}
NULLS = frozenset({"null", "NULL", "Null"})
# Words that continue an expression, so that the word before them is a name.
INFIX_WORDS = frozenset(
    {
        "and", "between", "contains", "contains_cs", "endswith", "has", "has_all", "has_any",
        "has_cs", "hasprefix", "hassuffix", "in", "matches", "or", "startswith",
    }
)  # fmt: skip
# Arrays and bags of other languages.
_BRACKETS = {
    "[": ("an array is not written like this", "Write dynamic([1, 2]), or pack_array(a, b)."),
    "{": ("a bag is not written like this", 'Write dynamic({"key": 1}), or bag_pack("key", a).'),
}
_LONG_UNIT = re.compile(r"([0-9]{1,6})(w|wk|weeks?|mon|months?|y|yr|years?)")
_DAYS = {"w": 7, "m": 30, "y": 365}
_OPERAND = "expected a value (a column, a constant, a call)"


def no_operand(cursor: Cursor) -> StoppedError:
    """A value should begin here."""
    text = cursor.texts[cursor.at]
    before = cursor.texts[cursor.at - 1] if cursor.at else ""
    after = f' after "{before}"' if before else ""
    if text in NULLS:
        return cursor.mistake(
            "KQL has no constant null",
            "Ask with isnull(x) or isnotnull(x), of a string with isempty(x); "
            "as a value write the null of a type: int(null), datetime(null).",
        )
    if text in _BRACKETS:
        return cursor.mistake(*_BRACKETS[text])
    hint = ""
    if text == "." and cursor.kinds[cursor.at + 1] == lexer.NUMBER:
        hint = f"Write 0.{cursor.texts[cursor.at + 1]}."
    if before in {",", "|"} and text in {"by", "|", ")", lexer.END, ""}:
        hint = f'Remove the "{before}" or write what comes after it.'
    return cursor.error(f"{_OPERAND}{after}", hint)


def check_number(cursor: Cursor) -> None:
    """Refuse `1w`, which is meant as a timespan; other names may begin with a digit."""
    match = _LONG_UNIT.fullmatch(cursor.texts[cursor.at])
    if match:
        days = _DAYS[match[2][0]]
        raise cursor.mistake(
            "the longest unit of a timespan is the day",
            f"Write {int(match[1]) * days}d; to step by months use datetime_add(…).",
        )


def chained(cursor: Cursor, operator: str) -> StoppedError:
    """A second comparison directly behind one."""
    text = cursor.texts[cursor.at]
    return cursor.mistake(
        f'"{text}" cannot follow a comparison with "{operator}"',
        'Join two comparisons with "and" or "or", or put the first in parentheses.',
    )


def method(cursor: Cursor, name: str) -> StoppedError:
    """A call behind a dot."""
    return cursor.mistake(
        f'"{name}" is called as a method, but values have none in KQL',
        f"Write it as a function of the value: {name}(value, …).",
        Span(cursor.starts[cursor.at - 1], cursor.ends[cursor.at]),
    )


def no_constant(cursor: Cursor, name: str) -> StoppedError:
    """`long(x)` where x is no constant."""
    place = Span(cursor.starts[cursor.at - 2], cursor.ends[cursor.at])
    convert = "to" + TYPE_NAMES[name].value.replace("real", "double")
    return cursor.mistake(
        f"{name}( ) takes one constant between its parentheses",
        f"Use {convert}(…) to convert an expression, and check that the parenthesis is closed.",
        place,
    )


def no_list(cursor: Cursor, operator: str) -> StoppedError:
    """`in` without parentheses."""
    return cursor.mistake(
        f'expected "(" after "{operator}", but {cursor.found()}',
        f'The values stand in parentheses: {operator} ("a", "b").',
    )


def no_range(cursor: Cursor, operator: str) -> StoppedError:
    """`between` without `(low .. high)`."""
    return cursor.mistake(
        f'"{operator}" expects (low .. high), but {cursor.found()}',
        f"Write {operator} (1 .. 5); both ends are included.",
    )
