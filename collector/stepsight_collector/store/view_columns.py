"""A view's definition, cut down to the columns that a statement reads.

The engine analyses every expression of a view that a statement names, read or not: `requests` takes
15 to 20 ms before its first row. So a statement that knows its columns has the view's text with
these instead of the view's name (docs/explanation/query-speed.md).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from stepsight_collector.store.schema import load_migrations
from stepsight_collector.store.view_text import Item, SelectText, parse_selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ViewColumns", "view_columns"]

_CREATE = re.compile(r"(?:\s*--[^\n]*\n)*\s*CREATE VIEW (?P<name>\w+) AS\s", re.DOTALL)
_CACHED = 1024


class ViewColumns:
    """The columns of one view.

    Which of them an expression needs is found by the names in it: at worst one too many is kept.
    """

    def __init__(self, selects: list[SelectText], views: Mapping[str, ViewColumns]) -> None:
        self._legs = [_Leg(select, views) for select in selects]
        self.names = tuple(item.name for item in selects[0].columns)
        self.select = lru_cache(_CACHED)(self._select)

    def _select(self, names: frozenset[str]) -> str:
        """SQL that gives the columns `names`, and those that they need.

        Raises KeyError for a name that is no column of the view.
        """
        for name in names:
            if name not in self.names:
                raise KeyError(name)
        # Under UNION ALL columns go by their place: what one leg needs, all of them give.
        kept, before = names, frozenset[str]()
        while kept != before:
            before = kept
            kept = kept.union(*(leg.needs(kept) for leg in self._legs))
        return " UNION ALL ".join(leg.text(kept) for leg in self._legs)


class _Leg:
    """One SELECT of a view."""

    def __init__(self, select: SelectText, views: Mapping[str, ViewColumns]) -> None:
        self._text = select
        self._columns = {item.name: item for item in select.columns}
        self._named = {item.name: item for item in select.named}
        self._source = views.get(select.source)
        if select.source.startswith("("):
            inner = parse_selects(select.source[1:-1])
            self._source = ViewColumns(inner, views) if inner else None

    def needs(self, names: Iterable[str]) -> frozenset[str]:
        """The columns that these need, and themselves."""
        return frozenset(item.name for item in self._reached(names) if item.name in self._columns)

    def text(self, names: frozenset[str]) -> str:
        """The SELECT with the columns `names` only."""
        reached = self._reached(names)
        named = [item for item in self._text.named if item in reached]
        columns = [item for item in self._text.columns if item.name in names]
        select = f"SELECT {_listed(columns) or '1'} FROM {self._from(named, columns)}"
        return f"WITH {_listed(named)} {select}" if named else select

    def _reached(self, names: Iterable[str]) -> set[Item]:
        """Every item of both lists that these names lead to."""
        waiting = [*names, *self._text.rest_words]
        seen: set[str] = set()
        found: set[Item] = set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for items in (self._columns, self._named):
                if name in items:
                    found.add(items[name])
                    waiting += items[name].words
        return found

    def _from(self, named: list[Item], columns: list[Item]) -> str:
        """What is read, and the conditions on it."""
        if self._source is None:
            return f"{self._text.source}{self._text.rest}"
        words = self._text.rest_words.union(*(item.words for item in (*named, *columns)))
        names = frozenset(name for name in self._source.names if name in words)
        return f"({self._source.select(names)}){self._text.rest}"


def _listed(items: list[Item]) -> str:
    return ", ".join(item.sql for item in items)


@cache
def view_columns() -> dict[str, ViewColumns]:
    """Every view of the schema by name, but those whose rows depend on which columns they have."""
    found: dict[str, ViewColumns] = {}
    for migration in load_migrations():
        match = _CREATE.match(migration.sql)
        selects = parse_selects(migration.sql[match.end() :]) if match else None
        if match and selects:
            found[match["name"]] = ViewColumns(selects, found)
    return found
