"""Numbers that only the data tells, and that may be too large: the query fails, in our words."""

from __future__ import annotations

__all__ = ["at_most"]


def at_most(count: str, limit: int, message: str) -> str:
    """SQL of a count, as UInt64, which fails with `message` (a text of ours) above `limit`."""
    return f"toUInt64(({count}) + throwIf(({count}) > {limit}, '{message}'))"
