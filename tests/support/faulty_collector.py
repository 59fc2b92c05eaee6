"""A collector whose store can be made to fail: `python faulty_collector.py` takes its arguments.

In the directory FAULTY_COLLECTOR names: while the file `refuse` exists, no insert is done; while
`lose` exists, every third insert is done and then fails to say so.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsight_collector.app import main
from stepsight_collector.store import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Insert = Callable[[Store, str, Any, str], None]


def failing(insert: Insert, switches: Path, numbers: Iterator[int]) -> Insert:
    """Wrap a way to insert with the two switches."""

    def insert_or_fail(store: Store, signal: str, payload: Any, token: str) -> None:
        if (switches / "refuse").exists():
            raise StoreError("no insert is done now")
        insert(store, signal, payload, token)
        if (switches / "lose").exists() and next(numbers) % 3 == 0:
            raise StoreError("done, but nobody hears it")

    return insert_or_fail


if __name__ == "__main__":
    inserts = itertools.count()
    for way in ("insert", "insert_rows"):
        wrapped = failing(getattr(Store, way), Path(os.environ["FAULTY_COLLECTOR"]), inserts)
        setattr(Store, way, wrapped)
    sys.exit(main())
