"""What queries may take, from the settings: of the engine, of each other, and of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.query.lanes import LaneLimits
from stepsight_collector.query.run import Limits
from stepsight_collector.store import StreamLimits

if TYPE_CHECKING:
    from stepsight_collector.settings import Settings

__all__ = ["Policy", "answer_policy", "lane_limits", "stream_limits"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What answers may take."""

    timeout_s: int = 180
    max_timeout_s: int = 600
    max_rows: int = 500_000
    max_bytes: int = 64_000_000

    def limits(self, max_rows: int | None = None, wait_s: float | None = None) -> Limits:
        """Return the limits of an answer for which a client asked for these rows and this time."""
        return Limits(
            time_s=min(wait_s or self.timeout_s, self.max_timeout_s),
            max_rows=min(max_rows or self.max_rows, self.max_rows),
            max_bytes=self.max_bytes,
        )


def answer_policy(settings: Settings) -> Policy:
    """Return what answers may take."""
    return Policy(
        timeout_s=settings.query_timeout_s,
        max_timeout_s=settings.query_max_timeout_s,
        max_rows=settings.query_max_rows,
        max_bytes=settings.query_max_answer_bytes,
    )


def stream_limits(settings: Settings) -> StreamLimits:
    """Return what queries may take of the engine."""
    return StreamLimits(
        at_once=settings.queries_at_once,
        # A little more than clients may ask for: a query over its time is ended by us.
        max_time_s=settings.query_max_timeout_s + 5,
        max_memory_bytes=settings.query_max_memory_bytes,
    )


def lane_limits(settings: Settings) -> LaneLimits:
    """Return how many queries run and wait."""
    return LaneLimits(
        at_once=settings.queries_at_once,
        of_one=settings.queries_of_one_token,
        waiting_of_one=settings.queries_waiting,
        max_wait_s=settings.query_wait_s,
    )
