"""The text of a view, taken apart: its SELECTs, and the items of their lists.

SQL is read as pieces (quoted texts, names, words, single characters) and the depth of brackets
around them, which is all that finding a list's commas takes. Knows no view in particular.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Item", "SelectText", "parse_selects"]

_PIECE = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[A-Za-z_]\w*|\d[\w.]*|\s+|.", re.DOTALL)
_WORD = re.compile(r"`(?P<quoted>(?:[^`\\]|\\.)+)`|(?P<word>[A-Za-z_]\w*)")
# A SELECT with one of these may give other rows when a column is taken out of it.
_DEPENDS_ON_COLUMNS = frozenset(("GROUP", "HAVING", "DISTINCT", "ORDER", "LIMIT"))


@dataclass(frozen=True, slots=True)
class Item:
    """An expression of a list with its name; `words` are the names in it, and of functions."""

    name: str
    sql: str
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class SelectText:
    """One SELECT: what its WITH names, its columns, its FROM, and what follows that.

    `source` is a name, or SQL in brackets.
    """

    named: tuple[Item, ...]
    columns: tuple[Item, ...]
    source: str
    rest: str
    rest_words: frozenset[str]


def parse_selects(sql: str) -> list[SelectText] | None:
    """Return the SELECTs that stand under UNION ALL; None if one is of a kind that is left whole.

    That is one whose rows depend on which columns it has. Raises ValueError for what is no SELECT.
    """
    found: list[SelectText] = []
    pieces = _Pieces(sql)
    for leg in pieces.split("UNION"):
        select = _parse_select(leg.after("ALL") if found else leg)
        if select is None:
            return None
        found.append(select)
    return found


class _Pieces:
    """Pieces of SQL and the depth of brackets at each."""

    def __init__(self, sql: str) -> None:
        self.texts = _PIECE.findall(sql)
        self.top: list[int] = []  # places outside of all brackets
        depth = 0
        for place, text in enumerate(self.texts):
            depth -= text in {")", "]"}
            if depth == 0:
                self.top.append(place)
            depth += text in {"(", "["}

    @property
    def sql(self) -> str:
        """The pieces put together again."""
        return "".join(self.texts).strip()

    def find(self, word: str) -> int | None:
        """The first place of a piece outside of all brackets."""
        return next((place for place in self.top if self.texts[place] == word), None)

    def after(self, word: str) -> _Pieces:
        """What follows a word that must be there. Raises ValueError if it is not."""
        return self.cut(word)[1]

    def cut(self, word: str) -> tuple[_Pieces, _Pieces]:
        """What stands before and after a word. Raises ValueError if it is not there."""
        place = self.find(word)
        if place is None:
            raise ValueError(f"expected {word} in: {self.sql[:80]}")
        return _Pieces("".join(self.texts[:place])), _Pieces("".join(self.texts[place + 1 :]))

    def split(self, word: str) -> list[_Pieces]:
        """The parts between a piece."""
        parts, begin = [], 0
        for place in [*(each for each in self.top if self.texts[each] == word), len(self.texts)]:
            parts.append(_Pieces("".join(self.texts[begin:place])))
            begin = place + 1
        return parts


def _parse_select(pieces: _Pieces) -> SelectText | None:
    if any(pieces.find(word) is not None for word in _DEPENDS_ON_COLUMNS):
        return None
    head, from_ = pieces.cut("FROM")
    with_, listed = head.cut("SELECT")
    named = _items(with_.after("WITH")) if with_.sql else ()
    source = next(text for text in from_.texts if not text.isspace())
    place = from_.texts.index(source)
    if source == "(":
        end = next(each for each in from_.top if each > place)
        source = "".join(from_.texts[place : end + 1])
        place = end
    rest = "".join(from_.texts[place + 1 :]).rstrip()
    return SelectText(named, _items(listed), source, rest, _words(rest))


def _items(pieces: _Pieces) -> tuple[Item, ...]:
    return tuple(_item(each) for each in pieces.split(","))


def _item(pieces: _Pieces) -> Item:
    words = [place for place in pieces.top if not pieces.texts[place].isspace()]
    name = pieces.texts[words[-1]]
    return Item(name.strip("`"), pieces.sql, _words(pieces.sql))


def _words(sql: str) -> frozenset[str]:
    """Every name in SQL, those of functions and keywords too."""
    found = set()
    for piece in _PIECE.findall(sql):
        match = _WORD.fullmatch(piece)
        if match is not None:
            found.add(match["quoted"] or match["word"])
    return frozenset(found)
