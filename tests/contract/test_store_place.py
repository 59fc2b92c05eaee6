"""Where the embedded store may be, and that it stays there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepsight_collector.errors import ConfigError
from stepsight_collector.store import StoreError, open_store

if TYPE_CHECKING:
    from pathlib import Path


def test_a_path_with_a_colon_is_refused_in_plain_words() -> None:
    with pytest.raises(ConfigError, match='a path with a colon, got "/data/a:b"'):
        open_store("chdb:///data/a:b")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match=f"cannot open the store in {tmp_path}/file/store: "):
        open_store(f"chdb://{tmp_path}/file/store")
