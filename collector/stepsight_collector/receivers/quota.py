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
    """Fills at `rate` a second up to ten seconds' worth of bytes, or of records.

    `left` is below zero while there is a debt.
    """

    __slots__ = ("_at", "_most", "left", "of_bytes", "rate")

    def __init__(self, rate: int, now: float, *, of_bytes: bool) -> None:
        self.rate = rate
        self.of_bytes = of_bytes
        self._most = self.left = rate * _BURST_S
        self._at = now

    def fill(self, now: float) -> float:
        """Add what time has brought; return what is left."""
        left = self.left + (now - self._at) * self.rate
        self.left = left = min(left, self._most)
        self._at = now
        return left


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
        self._buckets: dict[str, tuple[_Bucket, ...]] = {}
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
        buckets = self._buckets.get(project)
        if buckets is None:
            buckets = self._new_buckets(project, now)
        for bucket in buckets:
            if bucket.fill(now) < 0:
                raise _debt(project, bucket)

    def take(self, project: str, size_bytes: int, records: int) -> None:
        """Charge what a request that was kept has cost."""
        if self._is_idle:
            return
        buckets = self._buckets.get(project)
        if buckets is None:
            buckets = self._new_buckets(project, self._clock())
        for bucket in buckets:
            bucket.left -= size_bytes if bucket.of_bytes else records

    def _new_buckets(self, project: str, now: float) -> tuple[_Bucket, ...]:
        """Begin with full buckets; a project without a quota has none."""
        quota = self._of_project.get(project, self._default)
        kinds = ((quota.bytes_per_s, True), (quota.records_per_s, False))
        buckets = tuple(_Bucket(rate, now, of_bytes=kind) for rate, kind in kinds if rate)
        if len(self._buckets) >= _FORGET_PROJECTS:
            self._buckets.clear()
        self._buckets[project] = buckets
        return buckets


def _debt(project: str, bucket: _Bucket) -> QuotaError:
    wait_s = math.ceil(-bucket.left / bucket.rate)
    what = "bytes" if bucket.of_bytes else "records"
    return QuotaError(
        f'The project "{project}" may send {bucket.rate} {what} a second and has sent more. '
        f"Send again in {wait_s} s.",
        wait_s,
    )
