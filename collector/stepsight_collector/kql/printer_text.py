"""How names, constants and columns with types are written; the start of the printer.

`show` prints any node of the tree; `printer_expressions` and `printer_operators` teach it how.
"""

from __future__ import annotations

import math
import re
from functools import singledispatch
from typing import TYPE_CHECKING

from stepsight_collector.kql import constants
from stepsight_collector.kql.types import TYPE_NAMES, ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.syntax import Literal, Parameter

__all__ = ["constant", "name", "schema", "show", "string"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that mean something somewhere, and stand in brackets as names.
_KEYWORDS = frozenset(TYPE_NAMES) | frozenset(
    {
        "alias", "and", "as", "asc", "bagexpansion", "between", "by", "contains", "contains_cs",
        "containscs", "datascope", "datatable", "declare", "default", "desc", "endswith",
        "endswith_cs", "externaldata", "FALSE", "False", "false", "find", "from", "has",
        "has_all", "has_any", "has_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs",
        "hint", "in", "isfuzzy", "kind", "let", "limit", "matches", "notcontains",
        "notcontainscs", "NULL", "Null", "null", "nulls", "of", "on", "or", "others", "print",
        "project", "range", "restrict", "search", "set", "startswith", "startswith_cs", "step",
        "to", "TRUE", "True", "true", "typeof", "union", "view", "where", "with",
        "with_itemindex", "withsource",
    }
)  # fmt: skip
_ESCAPED = re.compile(r'[\\"\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]')
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNITS = (
    ("d", constants.TICKS_PER_DAY),
    ("h", 3600 * constants.TICKS_PER_SECOND),
    ("m", 60 * constants.TICKS_PER_SECOND),
    ("s", constants.TICKS_PER_SECOND),
    ("ms", 10_000),
    ("microseconds", 10),
    ("ticks", 1),
)


@singledispatch
def show(node: object) -> str:
    """A node of the syntax tree as KQL."""
    raise TypeError(f"{type(node).__name__} is not a node of the syntax tree")


def name(text: str) -> str:
    """A name; in brackets and quotes if it is odd, or a word of the language."""
    if _PLAIN.fullmatch(text) and text not in _KEYWORDS:
        return text
    return f"[{string(text)}]"


def string(text: str) -> str:
    r"""A text in double quotes.

    >>> print(string('a "b" \\ \x00'))
    "a \"b\" \\ \u0000"
    """
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def schema(parameters: Iterable[Parameter]) -> str:
    """`(name:type, …)`, with defaults where there are some."""
    return "(" + ", ".join(_parameter(each) for each in parameters) + ")"


def _parameter(parameter: Parameter) -> str:
    if parameter.type is None:
        columns = schema(parameter.columns) if parameter.columns else "(*)"
        return f"{name(parameter.name)}:{columns}"
    text = f"{name(parameter.name)}:{parameter.type.value}"
    return text if parameter.default is None else f"{text} = {show(parameter.default)}"


def constant(literal: Literal) -> str:
    """A constant in a form that is read as one, also if it is negative or null."""
    kind, value = literal.type, literal.value
    if kind is ScalarType.STRING:
        return string(str(value))
    if kind is ScalarType.DYNAMIC:
        return f"dynamic({_json(value)})"
    if value is None:
        return f"{kind.value}(null)"
    return _scalar(kind, value)


def _scalar(kind: ScalarType, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _real(value)
    if isinstance(value, int):
        return _whole(kind, value)
    return f"{kind.value}({value})"


def _real(value: float) -> str:
    if math.isfinite(value) and math.copysign(1, value) > 0:
        return repr(value)
    word = {math.inf: "+inf", -math.inf: "-inf"}.get(value, repr(value))
    return f"real({word})"


def _whole(kind: ScalarType, value: int) -> str:
    if kind is ScalarType.DATETIME:
        return f"datetime({constants.write_datetime(value)})"
    if kind is ScalarType.TIMESPAN:
        return _timespan(value)
    if kind is ScalarType.LONG and value >= 0:
        return str(value)
    return f"{kind.value}({value})"


def _timespan(ticks: int) -> str:
    if ticks < 0:
        return f"timespan({constants.write_timespan(ticks)})"
    unit, size = next(each for each in _UNITS if ticks % each[1] == 0)
    return f"{ticks // size}{unit}"


def _json(value: object) -> str:
    if isinstance(value, str):
        return string(value)
    if isinstance(value, list):
        return "[" + ", ".join(_json(each) for each in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{string(key)}: {_json(each)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)
