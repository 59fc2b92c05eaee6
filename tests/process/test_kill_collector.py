"""Kills, refusals and a full store volume under load: nothing acknowledged is lost or doubled.

The short form of bench/soak.py, which says what the clients do and what is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import soak

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILLS = 20


@pytest.mark.timeout(600)
def test_kill_9_loses_no_acknowledged_record_and_stores_none_twice(tmp_path: Path) -> None:
    assert soak.kills(tmp_path / "soak", KILLS) == []


def test_a_store_that_refuses_for_a_while_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert soak.refusing(tmp_path / "soak", 2.0) == []


@pytest.mark.parametrize("fill", [soak.full_store, soak.full_log])
def test_a_full_volume_loses_and_doubles_nothing(
    tmp_path: Path, fill: Callable[[Path, float], list[str]]
) -> None:
    try:
        wrong = fill(tmp_path / "soak", 2.0)
    except OSError as exc:
        pytest.skip(str(exc))

    assert wrong == []
