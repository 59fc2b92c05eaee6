"""The text of a view is taken apart at its lists' commas, and nowhere else."""

from __future__ import annotations

import pytest

from stepsight_collector.store.view_text import parse_selects


def test_commas_in_brackets_and_texts_part_nothing() -> None:
    selects = parse_selects(
        "WITH f(a, [1, 2]) AS `odd, name`, 'x, \\' FROM y' AS text "
        "SELECT if(a, 'b, SELECT', c) AS one, `Events.Name`[1] AS two, three FROM t WHERE d = ', '"
    )

    assert selects is not None
    [select] = selects
    assert [item.name for item in select.named] == ["odd, name", "text"]
    assert [item.name for item in select.columns] == ["one", "two", "three"]
    assert (select.source, select.rest.strip()) == ("t", "WHERE d = ', '")


def test_words_are_names_outside_of_texts() -> None:
    [select] = parse_selects("SELECT if(a = 'b c', `d.e`, 1e6) AS f FROM t") or []

    assert select.columns[0].words == {"if", "a", "d.e", "AS", "f"}


def test_legs_of_a_union_and_a_query_below() -> None:
    selects = parse_selects(
        "SELECT a FROM (SELECT x AS a FROM t) WHERE a > 1 UNION ALL SELECT b AS a FROM u"
    )

    assert selects is not None
    assert [(each.source, each.rest.strip()) for each in selects] == [
        ("(SELECT x AS a FROM t)", "WHERE a > 1"),
        ("u", ""),
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, count() AS n FROM t GROUP BY a",
        "SELECT DISTINCT a, b FROM t",
        "SELECT a FROM t ORDER BY b LIMIT 3",
        "SELECT a FROM t UNION ALL SELECT max(a) AS a FROM u HAVING a > 1",
    ],
)
def test_rows_that_depend_on_columns_are_left_whole(sql: str) -> None:
    assert parse_selects(sql) is None


@pytest.mark.parametrize("sql", ["SELECT a", "a FROM t", "SELECT a FROM t UNION SELECT a FROM u"])
def test_what_is_no_select_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_selects(sql)
