"""Words, constants and signs of KQL: what each is, and what a bad one is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from stepsight_collector.kql import lexer
from stepsight_collector.kql.constants import (
    MAX_DATETIME,
    read_datetime,
    read_timespan,
    write_datetime,
    write_timespan,
)
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.lexer import split
from stepsight_collector.kql.parser import parse
from stepsight_collector.kql.printer import show
from stepsight_collector.kql.syntax import Literal, Print, Unary
from stepsight_collector.kql.types import ScalarType as T

SECOND = 10_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def kinds(text: str) -> list[tuple[str, str]]:
    pieces = split(text)
    return [pair for pair in zip(pieces.kinds, pieces.texts, strict=True) if pair[0] != lexer.END]


def value(text: str) -> Any:
    """The one expression of `print text`."""
    query = parse(f"print {text}").query
    assert isinstance(query.source, Print)
    [expression] = query.source.expressions
    return expression


def messages(text: str) -> list[str]:
    with pytest.raises(KqlError) as caught:
        parse(text)
    return [each.message for each in caught.value.diagnostics]


def test_pieces_have_their_places() -> None:
    pieces = split(" a==1// x\n")

    rows = zip(pieces.kinds, pieces.texts, pieces.starts, pieces.ends, strict=True)
    assert list(rows)[:4] == [
        ("name", "a", 1, 2), ("==", "==", 2, 4), ("number", "1", 4, 5), ("end", "", 10, 10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a-b", [("name", "a"), ("-", "-"), ("name", "b")]),
        ("1..2", [("number", "1"), ("..", ".."), ("number", "2")]),
        ("x!in~(1)", [("name", "x"), ("name", "!in~"), ("(", "("), ("number", "1"), (")", ")")]),
        ("x in~y", [("name", "x"), ("name", "in~"), ("name", "y")]),
        ("!has_cs!~=~<>", [("name", "!has_cs"), ("!~", "!~"), ("=~", "=~"), ("<>", "<>")]),
        ("$left.a", [("name", "$left"), (".", "."), ("name", "a")]),
        ("1d 1day 1dx 3rd", [("timespan", "1d"), ("timespan", "1day"), ("name", "1dx"),
                             ("name", "3rd")]),
        ("0x1F 1e5 1.5e-3 1. 1L", [("number", "0x1F"), ("number", "1e5"), ("number", "1.5e-3"),
                                   ("number", "1."), ("name", "1L")]),
        ("datetime (2024) datetime", [("typed", "datetime (2024)"), ("name", "datetime")]),
        ("mydate(1)", [("name", "mydate"), ("(", "("), ("number", "1"), (")", ")")]),
        ("h'a' h", [("string", "h'a'"), ("name", "h")]),
        ("\ufeffa\u00a0b\u200bc\u3000", [("name", "a"), ("name", "b"), ("name", "c")]),
        ("a // b\r\n// c\nd", [("name", "a"), ("name", "d")]),
    ],
)  # fmt: skip
def test_text_is_split(text: str, found: list[tuple[str, str]]) -> None:
    assert kinds(text) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"a\"b\\c\n\t\u0041\x41\101\U0001F600"', 'a"b\\c\n\tAAA\U0001f600'),
        (r"'it\'s'", "it's"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\ud83d"', "\ud83d"),
        (r'@"C:\new"', r"C:\new"),
        ('@"say ""hi"""', 'say "hi"'),
        ("@'it''s'", "it's"),
        ('h"secret"', "secret"),
        (r'H@"\d"', r"\d"),
        ('```a "b"\nc```', 'a "b"\nc'),
        ("~~~a~~~", "a"),
        ("h```a```", "a"),
        ("\"a\" 'b' @'c'", "abc"),
        ('""', ""),
    ],
)
def test_texts_are_read(text: str, expected: str) -> None:
    assert value(text) == Literal(T.STRING, expected)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("true", T.BOOL, True),
        ("FALSE", T.BOOL, False),
        ("bool(1)", T.BOOL, True),
        ('boolean("false")', T.BOOL, False),
        ("5", T.LONG, 5),
        ("0xfF", T.LONG, 255),
        ("9223372036854775807", T.LONG, 2**63 - 1),
        ("long(-9223372036854775808)", T.LONG, -(2**63)),
        ("int( 0x10 )", T.INT, 16),
        ("int(-5)", T.INT, -5),
        ("int64(5)", T.LONG, 5),
        ("1.5", T.REAL, 1.5),
        ("1e3", T.REAL, 1000.0),
        ("real(-1.5)", T.REAL, -1.5),
        ("double(+inf)", T.REAL, float("inf")),
        ("real(-inf)", T.REAL, float("-inf")),
        ("decimal(1.50)", T.DECIMAL, Decimal("1.50")),
        ("guid(74BE27DE1E4E49D9B579FE0B331D3642)", T.GUID, "74be27de-1e4e-49d9-b579-fe0b331d3642"),
        ("uuid(null)", T.GUID, None),
        ("int()", T.INT, None),
        ("1.5h", T.TIMESPAN, HOUR * 3 // 2),
        ("100ticks", T.TIMESPAN, 100),
        ("10microseconds", T.TIMESPAN, 100),
        ("250nanoseconds", T.TIMESPAN, 2),
        ("time(1.02:03:04.5)", T.TIMESPAN, DAY + 2 * HOUR + 184 * SECOND + SECOND // 2),
        ("timespan(-00:10)", T.TIMESPAN, -600 * SECOND),
        ("time('3')", T.TIMESPAN, 3 * DAY),
        ("time(2 hours)", T.TIMESPAN, 2 * HOUR),
        ("datetime(0001-01-01)", T.DATETIME, 0),
        ("date(9999-12-31T23:59:59.9999999Z)", T.DATETIME, MAX_DATETIME),
        ("datetime(null)", T.DATETIME, None),
        ("dynamic(null)", T.DYNAMIC, None),
        ("dynamic([1, -2.5, +3, 'x', true, null, {\"a\": []}])", T.DYNAMIC,
         [1, -2.5, 3, "x", True, None, {"a": []}]),
        ("dynamic([datetime(2024-05-01), 1d, long(5), guid(null), dynamic(7), 'a' 'b'])", T.DYNAMIC,
         ["2024-05-01T00:00:00.0000000Z", "1.00:00:00", 5, None, 7, "ab"]),
        ("dynamic({})", T.DYNAMIC, {}),
        ("dynamic([bool(true), guid(74be27de-1e4e-49d9-b579-fe0b331d3642)])", T.DYNAMIC,
         [True, "74be27de-1e4e-49d9-b579-fe0b331d3642"]),
    ],
)  # fmt: skip
def test_constants_are_read(text: str, kind: T, expected: object) -> None:
    found = value(text)

    assert found == Literal(kind, expected)
    assert type(found.value) is type(expected)


def test_not_a_number_is_a_constant() -> None:
    found = value("real(nan)")

    assert found.value != found.value


def test_a_sign_before_a_number_is_an_operator() -> None:
    assert value("-5") == Unary("-", Literal(T.LONG, 5))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", "2024-01-01T00:00:00.0000000Z"),
        ("2024-05", "2024-05-01T00:00:00.0000000Z"),
        ("2024-5-1 10:30", "2024-05-01T10:30:00.0000000Z"),
        ("2024-05-01T10:30:15.1234567Z", "2024-05-01T10:30:15.1234567Z"),
        ("2024-05-01T10:30:15.12345678901Z", "2024-05-01T10:30:15.1234567Z"),
        ("2024-05-01 10:30:15 UTC", "2024-05-01T10:30:15.0000000Z"),
        ("2024-05-01T10:30:00+02:00", "2024-05-01T08:30:00.0000000Z"),
        ("2024-05-01T10:30:00-0230", "2024-05-01T13:00:00.0000000Z"),
        ("2024-02-30", None),
        ("2024-05-01 24:00", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("May 1, 2024", None),
    ],
)
def test_datetimes_are_iso_8601(text: str, expected: str | None) -> None:
    ticks = read_datetime(text)

    assert (None if ticks is None else write_datetime(ticks)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:00:01.5", "00:00:01.5000000"),
        ("1d", "1.00:00:00"),
        ("-1.00:00:00.0000001", "-1.00:00:00.0000001"),
        ("24:00:00", None),
        ("00:60", None),
        ("1 fortnight", None),
        ("99999999999d", None),
        ("soon", None),
    ],
)
def test_timespans_have_units_or_a_clock(text: str, expected: str | None) -> None:
    ticks = read_timespan(text)

    assert (None if ticks is None else write_timespan(ticks)) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bool(maybe)", ["maybe is not a bool"]),
        ("int(2147483648)", ["2147483648 is not an int"]),
        ("long(1.5)", ["1.5 is not a long"]),
        ("real(1_000)", ["1_000 is not a real"]),
        ("real(infinity)", ["infinity is not a real"]),
        ("real(x)", ["x is not a real"]),
        ("decimal(nan)", ["nan is not a decimal"]),
        ("decimal(1_0)", ["1_0 is not a decimal"]),
        ("decimal(x)", ["x is not a decimal"]),
        ("guid(1)", ["1 is not a guid"]),
        ("time(1w)", ["1w is not a timespan"]),
        (r'"\q"', ['"\\q" is not an escape that a string may have']),
        (r'"\U00110000"', ['"\\U00110000" is not an escape that a string may have']),
        ("dynamic([-x])", ['expected a number after "-", but found "x"']),
        ("1 + 99999999999999999999",
         ["99999999999999999999 is more than a long can hold, which is 9223372036854775807"]),
        ("0xffffffffffffffff",
         ["0xffffffffffffffff is more than a long can hold, which is 9223372036854775807"]),
        ("99999999999d", ["99999999999d is longer than a timespan can be"]),
    ],
)  # fmt: skip
def test_a_bad_constant_is_told_why(text: str, found: list[str]) -> None:
    assert messages(f"print {text}") == found


@pytest.mark.parametrize(
    ("kind", "held", "text"),
    [
        (T.STRING, 'a"\\\n\x00\ud800', '"a\\"\\\\\\n\\u0000\\ud800"'),
        (T.BOOL, True, "true"),
        (T.BOOL, False, "false"),
        (T.BOOL, None, "bool(null)"),
        (T.LONG, 5, "5"),
        (T.LONG, -5, "long(-5)"),
        (T.INT, 5, "int(5)"),
        (T.REAL, 1.5, "1.5"),
        (T.REAL, 1e30, "1e+30"),
        (T.REAL, -0.0, "real(-0.0)"),
        (T.REAL, float("inf"), "real(+inf)"),
        (T.REAL, float("-inf"), "real(-inf)"),
        (T.DECIMAL, Decimal("1.50"), "decimal(1.50)"),
        (T.GUID, "74be27de-1e4e-49d9-b579-fe0b331d3642",
         "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)"),
        (T.DATETIME, 0, "datetime(0001-01-01T00:00:00.0000000Z)"),
        (T.TIMESPAN, 7 * DAY, "7d"),
        (T.TIMESPAN, 90 * 60 * SECOND, "90m"),
        (T.TIMESPAN, 15, "15ticks"),
        (T.TIMESPAN, 0, "0d"),
        (T.TIMESPAN, -HOUR, "timespan(-01:00:00)"),
        (T.DYNAMIC, {"a": [1, -2.5, "b", True, False, None]},
         'dynamic({"a": [1, -2.5, "b", true, false, null]})'),
    ],
)  # fmt: skip
def test_constants_are_printed_as_they_are_read(kind: T, held: object, text: str) -> None:
    literal = Literal(kind, held)

    assert show(literal) == text
    assert value(text) == literal


def test_not_a_number_is_printed() -> None:
    assert show(Literal(T.REAL, float("nan"))) == "real(nan)"


def test_a_long_broken_text_is_shown_by_its_beginning() -> None:
    assert messages('print "' + "x" * 100) == [
        'the text that begins with "xxxxxxxxxxxxxxxxxxx… has no closing "'
    ]
    assert messages("print ö" + "x" * 100) == [
        "the name öxxxxxxxxxxxxxxxxxxx… has letters outside of a to z"
    ]
    assert messages("print 1 " + "x" * 100)[0].endswith(f'but found "{"x" * 39}…"')
