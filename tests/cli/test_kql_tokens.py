from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsight._cli.kql_tokens import is_complete, tokens
from stepsight._cli.query_parameters import Declared, declared_parameters

PIECES = st.sampled_from(
    ["traces", "|", "where", "'", '"', "@", "```", "//", "\n", " ", "\\", "(", "1h", "!has", "=~"]
)


@given(st.lists(PIECES | st.text(max_size=3)).map("".join))
def test_the_tokens_of_any_text_are_the_text(text: str) -> None:
    found = list(tokens(text))

    assert "".join(token.text for token in found) == text
    assert [token.start for token in found] == [0, *[token.end for token in found]][:-1] or not text


def test_words_are_told_apart_by_where_they_stand() -> None:
    text = "traces | where message has 'a|b' and count() > 1h // count\n| project-away d.limit"

    found = [(t.kind, t.text) for t in tokens(text) if t.kind != "space"]

    assert found == [
        ("name", "traces"),
        ("pipe", "|"),
        ("operator", "where"),
        ("name", "message"),
        ("word", "has"),
        ("string", "'a|b'"),
        ("word", "and"),
        ("function", "count"),
        ("open", "("),
        ("close", ")"),
        ("sign", ">"),
        ("number", "1h"),
        ("comment", "// count"),
        ("pipe", "|"),
        ("operator", "project-away"),
        ("name", "d"),
        ("other", "."),
        ("name", "limit"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "traces",
        "traces | take 10",
        "traces | project *",
        "let x = 1;\ntraces | take x",
        "traces;",
        "print '|'",
        "traces | where a == 1 // |",
        "",
    ],
)
def test_enter_runs_what_is_complete(text: str) -> None:
    assert is_complete(text)


@pytest.mark.parametrize(
    "text",
    [
        "traces |",
        "traces | where a ==",
        "traces | where a and",
        "traces | summarize count() by",
        "traces | project a,",
        "print f(1",
        "datatable(a:long)[1,",
        "let x = 1;",
        "let x = 1; let y = 2;",
        "declare query_parameters(n:long);",
        "print ```a\nb",
    ],
)
def test_enter_adds_a_line_to_what_is_not(text: str) -> None:
    assert not is_complete(text)


def test_declared_parameters_are_found_wherever_they_stand() -> None:
    text = (
        "// what it answers: declare query_parameters(no:long);\n"
        'declare query_parameters(run : string = "@last", n:long = 5, at:datetime = '
        "datetime(2026-01-05), must:real);\n"
        "traces | where message has 'declare query_parameters(x:int)'"
    )

    assert declared_parameters(text) == [
        Declared("run", "string", "@last"),
        Declared("n", "long", "5"),
        Declared("at", "datetime", "datetime(2026-01-05)"),
        Declared("must", "real"),
    ]
