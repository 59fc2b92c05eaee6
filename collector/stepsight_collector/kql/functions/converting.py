"""Conversions by name: `tostring()`, `tolong()`, `todatetime()`, …; a failed one is null."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import (
    convert,
    json_sql,
    parse_json,
    path_sql,
    text_sql,
)
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType
_STEP: Final = re.compile(r"\.(\w+)|\[(-?\d+)\]|\[['\"]([^'\"]*)['\"]\]")
_JSON_TYPES: Final = (
    "multiIf(isNull({0}), 'null', startsWith({0}, '\"'), 'string', startsWith({0}, '['), 'array', "
    "startsWith({0}, '{{'), 'dictionary', {0} IN ('true', 'false'), 'bool', "
    "match({0}, '^-?[0-9]+$'), 'long', 'double')"
)


def _to(kind: ScalarType) -> Callable[[Invocation], Bound]:
    return lambda call: convert(call.arguments[0], kind, call.scope)


def _parse_json(call: Invocation) -> Bound:
    return parse_json(call.arguments[0], call.scope)


def _gettype(call: Invocation) -> Bound:
    value = call.arguments[0]
    if value.type is T.DYNAMIC:
        if value.form is Form.MAP:
            return Bound(T.STRING, "'dictionary'", is_nullable=False)
        if value.form is Form.TEXT:
            return Bound(T.STRING, f"if(isNull({value.sql}), 'null', 'string')", is_nullable=False)
        return Bound(T.STRING, _JSON_TYPES.format(value.sql), is_nullable=False)
    name = call.text(value.type.value)
    if value.is_nullable:
        return Bound(T.STRING, f"if(isNull({value.sql}), 'null', {name})", is_nullable=False)
    return Bound(T.STRING, name, is_nullable=False)


def _dynamic_to_json(call: Invocation) -> Bound:
    return call.made(T.STRING, f"JSONExtractRaw({json_sql(call.arguments[0])})")


def _tohex(call: Invocation) -> Bound:
    digits = f"lower(hex({call.sql(0)}))"
    value = f"if({call.sql(0)} = 0, '0', trim(LEADING '0' FROM {digits}))"
    if call.has(1):
        wanted = f"greatest(least(ifNull({call.sql(1)}, 0), 64), 0)"
        size = f"greatest({wanted}, toInt64(ifNull(length({value}), 0)))"
        value = f"leftPad({value}, toUInt32({size}), '0')"
    return call.made(T.STRING, value)


def _extract_json(call: Invocation) -> Bound:
    """`extract_json("$.a.b[0]", text, typeof(long))`."""
    steps = _path_steps(str(call.constant(0)))
    if not steps:
        message = f'"{call.constant(0)}" is not a path that extract_json takes'
        return call.fail("bad_value", message, 'Paths look like "$.key.other[0]".', place=0)
    text = text_sql(call.arguments[1])
    path = ", ".join(
        call.text(step) if isinstance(step, str) else str(step + (step >= 0)) for step in steps
    )
    found = Bound(T.DYNAMIC, path_sql(text, path))
    kind = call.constant(2, T.STRING)
    return convert(found, kind if isinstance(kind, ScalarType) else T.STRING, call.scope)


def _path_steps(path: str) -> list[str | int] | None:
    if not path.startswith("$"):
        return None
    steps: list[str | int] = []
    place = 1
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None:
            return None
        steps.append(int(match[2]) if match[2] else match[1] or match[3])
        place = match.end()
    return steps


FUNCTIONS: Final = (
    Function(
        "tostring", "value:any", None, _to(T.STRING),
        "The value as text, as KQL prints it; null gives the empty text.",
        "print tostring(1h)", 1, "first",
        'A real without a fraction prints without a point: tostring(1.0) is "1".',
    ),
    Function(
        "toint", "value:any", None, _to(T.INT),
        "The value as an int, cut after the point; null if it is not one.",
        'print toint("12")', 1, "first",
    ),
    Function(
        "tolong", "value:any", None, _to(T.LONG),
        "The value as a long, cut after the point; null if it is not one.",
        'print tolong("12")', 1, "first",
    ),
    *alias(
        Function(
            "todouble", "value:any", None, _to(T.REAL),
            "The value as a real; null if it is not a number.",
            'print todouble("0.5")', 1, "first",
        ),
        "toreal",
    ),
    Function(
        "todecimal", "value:any", None, _to(T.DECIMAL),
        "The value as a decimal, with 17 places after the point; null if it is not a number.",
        'print todecimal("0.5")', 2, "first",
    ),
    Function(
        "todatetime", "value:any", None, _to(T.DATETIME),
        "The value as a datetime in UTC; a text is ISO 8601, RFC 1123, or has the month first.",
        'print todatetime("2026-11-25T10:00:00+01:00")', 1, "first",
    ),
    *alias(
        Function(
            "totimespan", "value:any", None, _to(T.TIMESPAN),
            "The value as a timespan; a text is [d.]hh:mm:ss[.fffffff] or like 90m.",
            'print totimespan("1.02:00:00")', 1, "first",
        ),
        "totime",
    ),
    *alias(
        Function(
            "tobool", "value:any", None, _to(T.BOOL),
            'The value as a bool: "true", "false" and numbers; else null.',
            'print tobool("true")', 1, "first",
        ),
        "toboolean",
    ),
    Function(
        "toguid", "value:any", None, _to(T.GUID),
        "The value as a guid; null if it is not one.",
        'print toguid("0f8fad5b-d9cb-469f-a165-70867728950e")', 2, "first",
    ),
    *alias(
        Function(
            "parse_json", "text:any", None, _parse_json,
            "The JSON value of a text; a text that is not JSON stays a string.",
            'print parse_json(\'{"a": 1}\').a', 1, "first",
        ),
        "todynamic", "parsejson", "toobject",
    ),
    *alias(
        Function(
            "extract_json", "path:=string, text:any, type?:type", None, _extract_json,
            "The value at a JSON path in a text, as text or as the given type.",
            'print extract_json("$.a[0]", \'{"a": [5]}\', typeof(long))', 2,
        ),
        "extractjson",
    ),
    Function(
        "dynamic_to_json", "value:any", None, _dynamic_to_json,
        "The JSON text of a dynamic.",
        "print dynamic_to_json(dynamic([1, 2]))", 3,
    ),
    Function(
        "gettype", "value:any", None, _gettype,
        "The name of the value's type.",
        "print gettype(1.5)", 3, "type",
    ),
    Function(
        "tohex", "number:long, length?:long", None, _tohex,
        "A whole number in hexadecimal digits, at least `length` of them.",
        "print tohex(256)", 3, "first",
    ),
)  # fmt: skip
