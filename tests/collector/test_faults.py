"""Every I/O call of the log and the loader fails, falls short, or is the last one.

Whatever happens: what was acknowledged is stored exactly once, or set aside as refused; what was
not acknowledged is stored or not, but never half.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

import wal_runs
from faults import Faults
from wal_runs import POISON, SENT, live, outcome, prepare

if TYPE_CHECKING:
    from pathlib import Path

    from faults import How

MOST_CALLS = 1_000
pytestmark = pytest.mark.timeout(600)  # hundreds of lives


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs cost nothing: that something was synced matters to `Faults` alone."""
    for name in ("os.fsync", "os.fdatasync", "stepsight_collector.wal.open_segment._sync"):
        monkeypatch.setattr(name, lambda _: None)


@pytest.fixture(params=["lane", "thread"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test twice: with the native library, and as it is without."""
    if request.param == "thread":
        monkeypatch.setattr("stepsight_collector.wal.lane.is_there", lambda: False)
    return str(request.param)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    template = tmp_path_factory.mktemp("template")
    return template, prepare(template)


def check(directory: Path, acknowledged: list[str], case: str) -> None:
    """Recover and compare with what was acknowledged before the fault, and before that."""
    stored, refused = outcome(directory)
    known = {*acknowledged}

    assert max(Counter(stored).values()) == 1, case
    assert known - {*stored, *refused} == set(), case
    assert {text for text in refused if not text.startswith(POISON)} == set(), case
    assert {*stored, *refused} - known <= {*SENT}, case


def test_a_life_without_faults_stores_everything(
    tmp_path: Path, old: tuple[Path, list[str]]
) -> None:
    template, kept = old
    shutil.copytree(template, tmp_path / "life")
    noted: list[str] = []

    asyncio.run(live(tmp_path / "life", SENT, noted.append, Faults(tmp_path / "life" / "wal")))

    poison = sorted(text for text in (*kept, *SENT) if text.startswith(POISON))
    assert noted == list(SENT)
    assert outcome(tmp_path / "life") == (sorted({*kept, *SENT} - {*poison}), poison)


@pytest.mark.parametrize("how", ["error", "short", "full"])
def test_a_call_that_fails_loses_nothing_and_doubles_nothing(
    tmp_path: Path, old: tuple[Path, list[str]], how: How
) -> None:
    template, kept = old
    drain_s = 0.02 if how == "full" else 5.0
    for at in range(1, MOST_CALLS, 1 if how == "error" else 5):  # the others last, or change little
        directory = tmp_path / str(at)
        shutil.copytree(template, directory)
        noted = list(kept)
        faults = Faults(directory / "wal", at, how)
        with faults.installed():
            asyncio.run(live(directory, SENT, noted.append, faults, drain_s))
        if at > len(faults.calls):
            break

        check(directory, noted, f"{how} at call {at}, {faults.calls[at - 1]}")

    assert 100 < at < MOST_CALLS - 5  # calls were counted, and each had its turn


@pytest.mark.parametrize("how", ["kill", "power"])
def test_a_life_that_ends_at_any_call_loses_nothing_and_doubles_nothing(
    tmp_path: Path, old: tuple[Path, list[str]], how: How, way: str
) -> None:
    template, kept = old
    command = [sys.executable, wal_runs.__file__, str(template), str(tmp_path), how, way]
    subprocess.run(command, check=True, timeout=120)

    lives = sorted(tmp_path.iterdir())
    for directory in lives:
        noted = (directory / "noted").read_text().splitlines()
        check(directory, kept + noted, directory.name)

    assert len(lives) > 100
