"""A view cut down to some columns gives what the whole view gives of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepsight_collector.query.catalog import SCHEMA
from stepsight_collector.store.schema import load_migrations
from stepsight_collector.store.view_columns import view_columns

if TYPE_CHECKING:
    from stepsight_collector.store import Store

VIEWS = sorted({table.source for table in SCHEMA.tables.values()})


# Those of kql_data.py, which have something of everything: other tests store very many rows.
PROJECTS = "'golden', 'elsewhere'"


def rows(store: Store, source: str, name: str) -> list[list[str]]:
    """A column as text, in an order of its own."""
    sql = f"SELECT toString(`{name}`) FROM {source} WHERE ProjectId IN ({PROJECTS}) ORDER BY ALL"
    return store.query(sql).rows


@pytest.mark.parametrize("view", VIEWS)
def test_each_column_alone_gives_the_views_values(kql_store: Store, view: str) -> None:
    narrow = view_columns()[view]
    # These depend on the clock of asking.
    clocked = {"duration", "lastHeard", "cause"} if view in {"run_rows", "step_rows"} else set()
    names = [name for name in narrow.names if name not in clocked]
    seen = [rows(kql_store, view, name) for name in names]

    for name, expected in zip(names, seen, strict=True):
        cut = f"({narrow.select(frozenset((name, 'ProjectId')))})"
        assert rows(kql_store, cut, name) == expected, name


@pytest.mark.parametrize("view", VIEWS)
def test_all_columns_are_the_views_own(kql_store: Store, view: str) -> None:
    narrow = view_columns()[view]
    described = kql_store.query(f"DESCRIBE ({narrow.select(frozenset(narrow.names))})").rows

    assert described == kql_store.query(f"DESCRIBE {view}").rows


@pytest.mark.parametrize("view", VIEWS)
def test_columns_that_nobody_reads_are_left_out(view: str) -> None:
    narrow = view_columns()[view]
    whole = narrow.select(frozenset(narrow.names))

    assert len(narrow.select(frozenset(("ProjectId",)))) < 0.9 * len(whole)


def test_a_name_that_is_no_column_is_refused() -> None:
    with pytest.raises(KeyError, match="nothing"):
        view_columns()["traces"].select(frozenset(("ProjectId", "nothing")))


def test_every_view_is_known() -> None:
    created = {each.name for each in load_migrations() if "CREATE VIEW" in each.sql}

    assert len(view_columns()) == len(created)
