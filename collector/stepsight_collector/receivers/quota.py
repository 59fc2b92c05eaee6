"""How much each project may send: token buckets of bytes and of records.

A bucket may go below zero: what was measured after it was let in is a debt, and nobody gets in
until it is paid. So the rate holds in the long run, and a request larger than the whole bucket is
still possible. Lives on the event loop's thread.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.errors import QuotaError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Quota", "Quotas"]

# Ten seconds' worth may come at once: clients send in bursts, after a pause or a restart.
_BURST_S = 10.0
_FORGET_PROJECTS = 10_000


@dataclass(frozen=True, slots=True)
class Quota:
    """What one project may send in the long run; 0 means without limit."""

    bytes_per_s: int = 0
    records_per_s: int = 0


class _Bucket:
    """Fills at `rate` a second up to ten seconds' worth."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = rate * _BURST_S
        self._at = now

    def wait_s(self, now: float) -> float:
        """Return the seconds until something may be taken; 0 is now."""
        self._left = min(self._rate * _BURST_S, self._left + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, -self._left / self._rate)

    def take(self, amount: int) -> None:
        self._left -= amount


class Quotas:
    """The buckets of all projects. `default` holds for a project without a quota of its own."""

    def __init__(
        self,
        default: Quota | None = None,
        of_project: Mapping[str, Quota] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._default = default or Quota()
        self._of_project = dict(of_project or {})
        self._clock = clock
        self._buckets: dict[str, tuple[_Bucket | None, _Bucket | None]] = {}
        self._is_idle = self._default == Quota() and not self._of_project

    def replace(self, of_project: Mapping[str, Quota]) -> None:
        """Use other quotas of projects from now on; a project whose quota changed starts full."""
        for project in self._of_project.keys() | of_project.keys():
            if self._of_project.get(project) != of_project.get(project):
                self._buckets.pop(project, None)
        self._of_project = dict(of_project)
        self._is_idle = self._default == Quota() and not self._of_project

    def check(self, project: str) -> None:
        """Let a request in. Raises `QuotaError` while the project has a debt."""
        if self._is_idle:
            return
        now = self._clock()
        of_bytes, of_records = self._buckets_of(project, now)
        for bucket, what in ((of_bytes, "bytes"), (of_records, "records")):
            wait_s = bucket.wait_s(now) if bucket is not None else 0.0
            if wait_s > 0:
                quota = self._of_project.get(project, self._default)
                rate = quota.bytes_per_s if what == "bytes" else quota.records_per_s
                raise QuotaError(
                    f'The project "{project}" may send {rate} {what} a second and has sent more. '
                    f"Send again in {math.ceil(wait_s)} s.",
                    math.ceil(wait_s),
                )

    def take(self, project: str, size_bytes: int, records: int) -> None:
        """Charge what a request that was kept has cost."""
        if self._is_idle:
            return
        of_bytes, of_records = self._buckets_of(project, self._clock())
        if of_bytes is not None:
            of_bytes.take(size_bytes)
        if of_records is not None:
            of_records.take(records)

    def _buckets_of(self, project: str, now: float) -> tuple[_Bucket | None, _Bucket | None]:
        buckets = self._buckets.get(project)
        if buckets is None:
            if len(self._buckets) >= _FORGET_PROJECTS:
                self._buckets.clear()
            quota = self._of_project.get(project, self._default)
            buckets = (
                _Bucket(quota.bytes_per_s, now) if quota.bytes_per_s else None,
                _Bucket(quota.records_per_s, now) if quota.records_per_s else None,
            )
            self._buckets[project] = buckets
        return buckets
