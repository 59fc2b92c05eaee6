"""What completion offers at the cursor, which is "^" in these queries."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stepsight_collector.kql.complete import Completion, complete
from stepsight_collector.kql.complete_items import Item
from stepsight_collector.kql.operator_usage import SOURCES, STATEMENTS, USAGES
from stepsight_collector.kql.parser import parse
from stepsight_collector.kql.parser_operators import OPERATORS
from stepsight_collector.query.catalog import SCHEMA


def at(text: str) -> Completion:
    position = text.index("^")
    return complete(text.replace("^", ""), position, SCHEMA)


def labels(text: str, kind: str = "") -> list[str]:
    return [each.label for each in at(text).items if kind in {"", each.kind}]


def test_a_query_begins_with_a_table_a_source_or_a_statement() -> None:
    found = labels("^")

    assert {"traces", "AppTraces", "runs", "union", "print", "let"} <= set(found)


def test_what_is_typed_is_replaced_up_to_the_end_of_its_word() -> None:
    completion = at("traces | where mess^ag == 'a'")

    assert (completion.start, completion.end) == (15, 21)
    assert completion.items[0].label == "message"


def test_case_does_not_matter_and_beginnings_come_first() -> None:
    assert labels("traces | where LEVEL^")[0] == "severityLevel"
    assert labels("traces | where op^", "column") == [
        "operation_Name", "operation_Id", "operation_ParentId", "operation_SyntheticSource",
    ]  # fmt: skip


def test_behind_a_pipe_stand_operators_with_what_they_do() -> None:
    items = at("traces | ^").items

    assert {each.label for each in items} == set(USAGES)
    assert all(each.kind == "operator" and each.detail.endswith(".") for each in items)


@pytest.mark.parametrize("query", ["traces | project-a^", "traces | project-^away"])
def test_an_operator_with_a_hyphen_is_one_word(query: str) -> None:
    completion = at(query)

    assert completion.start == 9
    assert "project-away" in [each.label for each in completion.items]


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("traces | summarize n = count() by operation_Name | where ^", ["operation_Name", "n"]),
        ("traces | project message | extend m = strlen(^", ["message"]),
        ("traces | project a = message, b = 1 | summarize max(b) by ^", ["a", "b"]),
        ("let t = traces | project x = 1; t | where ^", ["x"]),
        ("let t = traces | project x = 1 | where ^", ["x"]),
        ("traces | project message | tke 5 | where ^", ["message"]),
        ("traces | project message | join (exceptions | project type | where ^", ["type"]),
        ("traces | project message | where (message == 1 | extend y = ^", ["message"]),
        ("traces | project m = message | mv-apply e = m on (where ^", ["m"]),
        ("traces | project message | project-away ^", ["message"]),
        ("nothing | where ^", []),
        ("traces | project a = 1 | join (exceptions | project b = 2) on $left.^", ["a"]),
        ("traces | project a = 1 | join (exceptions | project b = 2) on $right.^", ["b"]),
        ("traces | join kind=inner (exceptions | project b = 2) on $left.a == $right.^", ["b"]),
        ("traces | where $right.^", []),
        ("print $right.^", []),
    ],
)
def test_columns_are_those_after_the_stages_before(query: str, columns: list[str]) -> None:
    assert labels(query, "column") == columns


def test_a_column_has_its_type_and_its_description() -> None:
    [item] = at("traces | where severityLev^").items

    assert item.kind == "column"
    assert item.detail.startswith("int ")


@pytest.mark.parametrize(
    "query",
    ["traces | where customDimensions.step^", "traces | where customDimensions['step^"],
)
def test_keys_that_the_store_knows_follow_a_bag(query: str) -> None:
    assert labels(query) == ["step_id", "step_name"]


def test_a_key_in_quotes_may_be_half_typed() -> None:
    completion = at('traces | where customDimensions["run_^ty"] == 1')

    assert (completion.start, completion.end) == (33, 39)
    assert [each.label for each in completion.items] == ["run_type", "run_url", "parent_run_id"]


@pytest.mark.parametrize(
    "query",
    ["traces | where message == 'ab^", "// tr^", "traces // ^", "traces | count ^",
     "traces | where message == ```ab^",
     'traces | where message == "a\\^', "traces | where message.^", 'print x["a^'],
)  # fmt: skip
def test_in_texts_and_comments_and_where_nothing_fits_nothing_is_offered(query: str) -> None:
    assert labels(query) == []


@pytest.mark.parametrize(
    ("query", "kind", "expected"),
    [
        ("traces | summarize cou^", "aggregate", "countif"),
        ("traces | make-series av^", "aggregate", "avg"),
        ("traces | top-nested 3 of message by co^", "aggregate", "count"),
        ("traces | extend x = strc^", "function", "strcat"),
        ("traces | summarize count() by bi^", "function", "bin"),
        ("traces | summarize count() ^", "keyword", "by"),
        ("traces | order by timestamp ^", "keyword", "desc"),
        ("traces | order by timestamp desc ^", "keyword", "nulls first"),
        ("traces | order ^", "keyword", "by"),
        ("traces | top 5 ^", "keyword", "by"),
        ("traces | where message ^", "keyword", "has"),
        ("traces | where message has 'a' ^", "keyword", "and"),
        ("traces | where severityLevel > 3 a^", "keyword", "and"),
        ("traces | join ki^", "keyword", "kind"),
        ("traces | join kind=^", "value", "leftouter"),
        ("traces | lookup kind=l^", "value", "leftouter"),
        ("traces | join (exceptions) o^", "keyword", "on"),
        ("traces | join (exceptions) on ^", "keyword", "$left"),
        ("traces | join ^", "table", "exceptions"),
        ("traces | join kind=inner (exc^", "table", "exceptions"),
        ("union traces, (exc^", "table", "exceptions"),
        ("union kind=outer (exc^", "table", "exceptions"),
        ("union traces, exc^", "table", "exceptions"),
        ("search in (exc^", "table", "exceptions"),
        ("let x = tra^", "table", "traces"),
        ("let x = toscalar(tra^", "table", "traces"),
        ("let f = () { tra^", "table", "traces"),
        ("let f = () { let a = 1; tra^", "table", "traces"),
        ("traces ^", "keyword", "|"),
        ("traces | render time^", "value", "timechart"),
        ("traces | evaluate bag^", "function", "bag_unpack"),
        ("traces | where timestamp > ago(^", "value", "1d"),
        ("traces | mv-expand x = customDimensions to typeof(^", "value", "string"),
        ("traces | parse message with 'a' x:lo^", "value", "long"),
        ("let limit5 = 5; traces | take lim^", "value", "limit5"),
        ("let rows = traces; ro^", "value", "rows"),
        ("let f = (x:long) { x }; print f^", "function", "f"),
        ("traces | project-reorder message ^", "keyword", "granny-asc"),
        ("traces | parse ^", "keyword", "kind"),
        ("traces | where message matches regex ^", "column", "message"),
    ],
)
def test_what_fits_is_offered(query: str, kind: str, expected: str) -> None:
    assert expected in labels(query, kind)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("traces | summarize count() by ^", "aggregate"),
        ("traces | where ^", "aggregate"),
        ("traces | take ^", "column"),
        ("traces | project-away message ^", "function"),
        ("traces | where mess^", "table"),
    ],
)
def test_what_does_not_fit_is_not_offered(query: str, kind: str) -> None:
    assert labels(query, kind) == []


def test_an_odd_name_is_put_in_in_brackets() -> None:
    completion = at("traces | project ['my col'] = 1 | where my^")

    assert Item("my col", "column", "long", '["my col"]') in completion.items


def test_a_function_without_arguments_is_closed() -> None:
    [item] = [each for each in at("print pi^").items if each.label == "pi"]

    assert item.insert == "pi()"


def test_every_operator_has_a_sentence_and_an_example_that_parses() -> None:
    old = {"filter", "mvexpand", "mvapply"}

    assert set(USAGES) | old == set(OPERATORS)
    for usage in USAGES.values():
        assert parse(f"traces | {usage.example}").query.operators
    for usage in SOURCES.values():
        assert parse(usage.example)
    for usage in STATEMENTS.values():
        assert parse(usage.example + " traces").statements


PARTS = st.sampled_from(
    ["traces", " | ", "where ", "join ", "(", ")", "on ", "kind=", "$right.", ".", '["', "let x = ",
     ";", "{", "}", "[", "summarize ", "by ", ",", "'", "//", "\n", "union ", "=",
     "customDimensions"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=14).map("".join), st.integers(-1, 80))
@example("))(where ", 9)
@settings(max_examples=400, deadline=None)
def test_any_text_at_any_place_is_completed_or_not(text: str, position: int) -> None:
    completion = complete(text, position, SCHEMA)

    cursor = min(max(position, 0), len(text))
    assert 0 <= completion.start <= cursor <= completion.end <= len(text)
