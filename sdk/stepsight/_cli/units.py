"""What the numbers of a column are measured in, as far as its name or type says."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["Unit", "nice_step", "unit_of"]

# Seconds: `duration_s`, `percentile_elapsed_s_95`. Milliseconds: `duration` (as Application
# Insights has it), `avg_duration`, `DurationMs`, `wait_ms`. Bytes: `memory_bytes`, `sizeBytes`.
_SECONDS = re.compile(r"(?:_s|_seconds|Seconds)(?:_\d+)?\Z")
_MILLISECONDS = re.compile(r"(?:(?:\A|_)duration|_ms|DurationMs|Ms)(?:_\d+)?\Z")
_BYTES = re.compile(r"(?:(?:\A|_)bytes|Bytes)(?:_\d+)?\Z")
_TIMES = ((86_400.0, " d"), (3600.0, " h"), (60.0, " min"), (1.0, " s"), (0.001, " ms"))
_SIZES = ((1024.0**3, " GiB"), (1024.0**2, " MiB"), (1024.0, " KiB"), (1.0, " B"))
_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class Unit:
    """A scale for people: values are divided by `factor` and followed by `suffix`."""

    factor: float = 1.0
    suffix: str = ""

    def text(self, value: float) -> str:
        """A value in this unit, in at most four significant digits where it has a fraction.

        >>> Unit(60.0, " min").text(150), Unit().text(1234567)
        ('2.5 min', '1,234,567')
        """
        if not math.isfinite(value):
            return str(value)
        scaled = value / self.factor
        if abs(scaled) >= 1e15:  # noqa: PLR2004 - no longer exact as an integer
            return f"{scaled:.4g}{self.suffix}"
        if float(scaled).is_integer() or abs(scaled) >= 1e4:  # noqa: PLR2004 - a fraction says nothing
            return f"{scaled:,.0f}{self.suffix}"
        return f"{scaled:.4g}{self.suffix}"


def unit_of(name: str, kind: str, largest: float) -> Unit:
    """The unit in which values up to `largest` of a column read best. Timespans are in seconds."""
    if kind == "timespan" or _SECONDS.search(name):
        return _scaled(_TIMES, largest, 1.0)
    if _MILLISECONDS.search(name):
        return _scaled(_TIMES, largest, 1000.0)
    if _BYTES.search(name):
        return _scaled(_SIZES, largest, 1.0)
    return Unit()


def _scaled(scales: tuple[tuple[float, str], ...], largest: float, per: float) -> Unit:
    for factor, suffix in scales:
        if abs(largest) >= factor * per:
            return Unit(factor * per, suffix)
    return Unit(scales[-1][0] * per, scales[-1][1])


def nice_step(at_least: float, factor: float = 1.0, steps: tuple[float, ...] = _STEPS) -> float:
    """The smallest round step, in units of `factor`, that is at least so large.

    >>> nice_step(0.45), nice_step(7), nice_step(70, 60.0)
    (0.5, 8.0, 90.0)
    """
    scaled = at_least / factor
    if not scaled > 0:
        return factor
    power = 10.0 ** math.floor(math.log10(scaled))
    step = next((step for step in steps if step * power >= scaled * (1 - 1e-9)), 10.0)
    return step * power * factor
