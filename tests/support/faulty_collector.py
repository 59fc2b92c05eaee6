"""A collector whose store can be made to fail: `python faulty_collector.py` takes its arguments.

In the directory FAULTY_COLLECTOR names: while the file `refuse` exists, no insert is done; while
`lose` exists, every third insert is done and then fails to say so.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stepsight_collector.app import main
from stepsight_collector.store import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable


def failing(
    insert: Callable[[Store, str, bytes | Path, str], None], switches: Path
) -> Callable[[Store, str, bytes | Path, str], None]:
    """Wrap `Store.insert` with the two switches."""
    numbers = itertools.count()

    def insert_or_fail(store: Store, signal: str, payload: bytes | Path, token: str) -> None:
        if (switches / "refuse").exists():
            raise StoreError("no insert is done now")
        insert(store, signal, payload, token)
        if (switches / "lose").exists() and next(numbers) % 3 == 0:
            raise StoreError("done, but nobody hears it")

    return insert_or_fail


if __name__ == "__main__":
    Store.insert = failing(Store.insert, Path(os.environ["FAULTY_COLLECTOR"]))  # type: ignore[assignment,method-assign]
    sys.exit(main())
