"""Paired ratios: what they are worth when the machine is noisy."""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Estimate", "median_of"]

RESAMPLES = 4000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A median and the interval that holds the true one with a probability of 95 %."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:7.4f}  ({self.low:.4f} to {self.high:.4f})"


def median_of(values: Sequence[float], seed: int = 7) -> Estimate:
    """The median with its interval, by resampling the values (bootstrap, percentiles)."""
    chance = random.Random(seed)
    medians = sorted(
        statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )
    tail = int(RESAMPLES * (1 - LEVEL) / 2)
    return Estimate(statistics.median(values), medians[tail], medians[-tail - 1])
