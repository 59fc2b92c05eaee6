"""Shared by all tests: golden files, and a real embedded store.

`pytest --update-golden` rewrites golden files; the difference is reviewed like code. The engine
takes one directory per process, so there is one store for the whole session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stepsight_collector.store import Store


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare text with a golden file, or write it there under --update-golden."""
    update = request.config.getoption("--update-golden")

    def compare(path: Path, text: str) -> None:
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    from stepsight_collector.store import open_store  # the SDK's tests need no engine

    opened = open_store(f"chdb://{tmp_path_factory.mktemp('engine') / 'store'}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def kql_store(store: Store) -> Store:
    """The store with the fixed data of tests/support/kql_data.py in project `golden`."""
    from kql_data import load

    load(store)
    return store


@pytest.fixture(scope="module", params=["with the library", "without"])
def with_and_without_native(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything that uses this runs twice: the native library must change nothing but speed."""
    from stepsight_collector.native import library

    with pytest.MonkeyPatch.context() as patch:
        if request.param == "without":
            patch.setattr(library, "_brief", None)
            patch.setattr(library, "_long", None)
        elif not library.is_there():
            pytest.skip("the native library was not built")
        yield
