"""The values that this process logged: the position of each, and what get_metrics() gives back."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any

__all__ = ["MAX_KEPT", "Series", "as_number"]

# A training may log millions of values; all are sent, the last ones of each name can be read back.
MAX_KEPT = 10_000


class Series:
    """Positions and values by name and column.

    Thread-safe without a lock, which a fork could leave locked: each step is one operation of a
    dict, a deque or a counter.
    """

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], count[int]] = {}
        self._scalars: dict[str, deque[Any]] = {}
        self._tables: dict[str, dict[str, deque[Any]]] = {}

    def place(self, name: str, column: str = "", index: int | None = None) -> int:
        """The position of the next value; a given one counts on from there."""
        if index is not None:
            self._next[name, column] = count(index + 1)
            return index
        counter = self._next.get((name, column))
        if counter is None:
            counter = self._next.setdefault((name, column), count())
        return next(counter)

    def keep(self, name: str, column: str, value: Any) -> None:
        """Remember a value for read()."""
        if column:
            columns = self._tables.setdefault(name, {})
            columns.setdefault(column, deque(maxlen=MAX_KEPT)).append(value)
        else:
            self._scalars.setdefault(name, deque(maxlen=MAX_KEPT)).append(value)

    def read(self) -> dict[str, Any]:
        """A value, or a list where a name was logged repeatedly; a dict of columns for a table."""
        found: dict[str, Any] = {
            name: {column: _plain(kept) for column, kept in columns.items()}
            for name, columns in self._tables.copy().items()
        }
        found.update((name, _plain(kept)) for name, kept in self._scalars.copy().items())
        return found


def _plain(kept: deque[Any]) -> Any:
    return kept[0] if len(kept) == 1 else list(kept)


def as_number(value: Any) -> tuple[float | None, str]:
    """A float and no text, or no float and the text; takes numpy scalars and small tensors."""
    if value is None:
        return None, ""
    if isinstance(value, (bool, int, float)):
        try:
            return float(value), ""
        except OverflowError:  # an int beyond what a double holds
            return None, str(value)
    if isinstance(value, str):
        return None, value
    item = getattr(value, "item", None)
    try:
        return float(item() if callable(item) else value), ""
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None, str(value)
