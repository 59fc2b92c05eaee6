"""A real collector to ask, and an environment with other people's client libraries."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli._collector import Collector

# Releases that the tests were written with, so that a new one is met on purpose.
CLIENTS = (
    "azureml-core==1.61.*",
    "opencensus-ext-azure==1.1.*",
    "mlflow-skinny==3.17.*",
    "scikit-learn>=1.5",
    "pandas>=2",
)


@pytest.fixture(scope="session")
def seed_collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    place = Path(__file__).parent.parent / "cli" / "_collector.py"
    spec = importlib.util.spec_from_file_location("_seed_collector", place)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["_seed_collector"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.running(tmp_path_factory.mktemp("seed")) as running:
        yield running


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with nothing installed: neither clients nor stepsight."""
    place = tmp_path_factory.mktemp("bare")
    venv.create(place, symlinks=True)
    return str(place / "bin" / "python")


@pytest.fixture(scope="session")
def clients_python(request: pytest.FixtureRequest) -> str:
    """A Python with azureml-core, OpenCensus and mlflow, and without stepsight.

    Made once, about 90 s, and kept in pytest's cache. Where there is no package index, the tests
    that need it are skipped with pip's own words.
    """
    cache: Any = request.config.cache
    place = cache.mkdir("clients") / "venv"
    python, done = place / "bin" / "python", place / "installed.txt"
    wanted = "\n".join(CLIENTS)
    if not done.exists() or done.read_text() != wanted:
        venv.create(place, clear=True, with_pip=True, symlinks=True)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *CLIENTS]
        result = subprocess.run(install, capture_output=True, text=True, check=False)
        if result.returncode:
            pytest.skip(f"pip cannot install the clients: {result.stderr.strip()[-500:]}")
        done.write_text(wanted)
    return str(python)
