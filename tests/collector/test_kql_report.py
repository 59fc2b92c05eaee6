"""How diagnostics are shown, whatever the text is like."""

from __future__ import annotations

import pytest

from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.report import format_diagnostics
from stepsight_collector.kql.suggest import closest, did_you_mean, function_hint
from stepsight_collector.kql.syntax import Span


def shown(text: str, start: int, end: int) -> list[str]:
    """The two lines below the message."""
    return format_diagnostics(text, [Diagnostic("syntax", "wrong", Span(start, end))]).splitlines()[
        1:
    ]


def test_a_diagnostic_has_place_message_hint_and_its_line_with_a_mark() -> None:
    text = "traces\n| where custom_dimensions.step == 1\n| take 5"
    diagnostic = Diagnostic(
        "unknown_column",
        'unknown column "custom_dimensions" in table traces',
        Span(15, 32),
        'Did you mean "customDimensions"?',
    )

    assert format_diagnostics(text, [diagnostic]) == (
        'query:2:9  unknown column "custom_dimensions" in table traces. '
        'Did you mean "customDimensions"?\n'
        "  2 | | where custom_dimensions.step == 1\n"
        "    |         ~~~~~~~~~~~~~~~~~"
    )


def test_several_diagnostics_stand_in_the_order_of_the_text() -> None:
    second = Diagnostic("syntax", "second", Span(4, 5))
    first = Diagnostic("syntax", "first", Span(0, 3))

    assert format_diagnostics("abc d", [second, first]) == (
        "query:1:1  first\n  1 | abc d\n    | ~~~\n\nquery:1:5  second\n  1 | abc d\n    |     ~"
    )


@pytest.mark.parametrize(
    ("text", "span", "lines"),
    [
        ("\ta\tb", (3, 4), ["  1 |     a    b", "    |          ~"]),
        ("日本 == x", (6, 7), ["  1 | 日本 == x", "    |         ~"]),
        ("日本 == x", (0, 2), ["  1 | 日本 == x", "    | ~~~~"]),
        ("e\u0301 == x", (6, 7), ["  1 | e\u0301 == x", "    |      ~"]),
        ("a\r\nb c\r\n", (5, 6), ["  2 | b c", "    |   ~"]),
        ("traces |", (8, 8), ["  1 | traces |", "    |         ~"]),
        ("", (0, 0), ["  1 |", "    | ~"]),
        ("a\nbc\nd", (2, 6), ["  2 | bc", "    | ~~"]),
        ("a", (7, 9), ["  1 | a", "    |  ~"]),
        ("a \x1b[31m b", (8, 9), ["  1 | a \ufffd[31m b", "    |         ~"]),
        ("a\n" * 11 + "b", (22, 23), ["  12 | b", "     | ~"]),
    ],
    ids=[
        "tab", "wide before", "wide marked", "combining", "carriage return", "end of the text",
        "empty", "more than a line", "outside of the text", "control character", "line 12",
    ],
)  # fmt: skip
def test_the_mark_stands_below_what_is_wrong(
    text: str, span: tuple[int, int], lines: list[str]
) -> None:
    assert shown(text, *span) == lines


@pytest.mark.parametrize("start", [0, 30, 150, 299])
def test_of_a_long_line_the_part_around_the_mark_is_shown(start: int) -> None:
    text = "".join(chr(ord("a") + at % 26) for at in range(300))

    line, mark = shown(text, start, start + 1)

    assert len(line) <= 6 + 102
    assert line[mark.index("~")] == text[start]
    assert (line[6] == "…", line[-1] == "…") == (start > 50, start < 250)


def test_a_mark_longer_than_a_line_is_cut() -> None:
    line, mark = shown("x" * 500, 100, 400)

    assert len(mark) <= len(line)
    assert mark.endswith("~" * 50)


def test_line_feeds_in_a_message_do_not_break_it() -> None:
    diagnostic = Diagnostic("syntax", 'found "a\nb"', Span(0, 1))

    assert format_diagnostics("a", [diagnostic]).splitlines()[0] == 'query:1:1  found "a b"'


COLUMNS = ["timestamp", "message", "severityLevel", "customDimensions", "operation_Id"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("custom_dimensions", "customDimensions"),
        ("CUSTOMDIMENSIONS", "customDimensions"),
        ("timeStamp", "timestamp"),
        ("TimeGenerated", "timestamp"),
        ("OperationId", "operation_Id"),
        ("Properties", "customDimensions"),
        ("severity", "severityLevel"),
        ("mesage", "message"),
        ("operationId", "operation_Id"),
        ("statusCode", None),
        ("zzz", None),
    ],
)
def test_the_closest_column_is_found(wrong: str, right: str | None) -> None:
    assert closest(wrong, COLUMNS) == right


def test_a_difference_of_case_wins_over_any_other() -> None:
    assert closest("Level", ["level_", "LEVEL", "level2"]) == "LEVEL"


FUNCTIONS = ["strlen", "strcat", "coalesce", "now", "array_length", "tolower", "datetime_diff"]


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("length", 'Did you mean "strlen"?'),
        ("concat", 'Did you mean "strcat"?'),
        ("ifnull", 'Did you mean "coalesce"?'),
        ("getdate", 'Did you mean "now"?'),
        ("DATEDIFF", 'Did you mean "datetime_diff"?'),
        ("cast", "Write the conversion's own function: toint(x), tostring(x), todatetime(x)."),
        ("qwertz", ""),
    ],
)
def test_a_function_of_another_language_leads_to_ours(wrong: str, hint: str) -> None:
    assert function_hint(wrong, FUNCTIONS) == hint


def test_nothing_is_suggested_where_nothing_is_near() -> None:
    assert did_you_mean("x" * 10_000, COLUMNS) == ""
