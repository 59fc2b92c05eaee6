"""Drawings of one line: a sparkline of values, a bar on a timeline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bar", "sparkline"]

_LEVELS = "▁▂▃▄▅▆▇█"
# Left-aligned parts of a cell, from an eighth to a whole one.
_PARTS = " ▏▎▍▌▋▊▉█"


def sparkline(values: Sequence[float | str | None], width: int = 16) -> str:
    """At most `width` bars for finite values; empty for fewer than two.

    >>> sparkline([1, 2, 3, 4, 5, 6, 7, 8])
    '▁▂▃▄▅▆▇█'
    >>> sparkline([3.0, "NaN", 3.0])
    '▄▄'
    """
    finite = [float(v) for v in values if isinstance(v, (int, float)) and math.isfinite(v)]
    if len(finite) < 2:  # noqa: PLR2004 - one value has no form
        return ""
    if len(finite) > width:
        step = (len(finite) - 1) / (width - 1)
        finite = [finite[round(n * step)] for n in range(width)]
    low, high = min(finite), max(finite)
    if high == low:
        return _LEVELS[3] * len(finite)
    # Halved first: the difference of two large numbers may be more than a float holds.
    return "".join(
        _LEVELS[min(int((v / 2 - low / 2) / (high / 2 - low / 2) * 8), 7)] for v in finite
    )


def bar(start: float, end: float, total: float, width: int) -> str:
    """A bar from `start` to `end` on a line of `width` cells that stands for `total`; never empty.

    >>> bar(0, 5, 10, 8)
    '████'
    >>> bar(5, 5.01, 10, 8)
    '    ▏'
    """
    scale = width / total if total > 0 else 0
    first = min(int(max(start, 0) * scale), width - 1)
    eighths = max(round((min(end, total) * scale - first) * 8), 1)
    whole, rest = divmod(min(eighths, (width - first) * 8), 8)
    return " " * first + "█" * whole + (_PARTS[rest] if rest else "")
