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


class _Account:
    """What a project may still send, filled up to ten seconds' worth; below zero is a debt.

    Both buckets in one object, filled without a branch: this is done for every request. What has
    no limit is a bucket without end.
    """

    __slots__ = ("_at", "_most_bytes", "_most_records", "bytes_left", "quota", "records_left")

    def __init__(self, quota: Quota, now: float) -> None:
        self.quota = quota
        self.bytes_left = self._most_bytes = quota.bytes_per_s * _BURST_S or math.inf
        self.records_left = self._most_records = quota.records_per_s * _BURST_S or math.inf
        self._at = now

    def has_debt(self, now: float) -> bool:
        """Add what time has brought, and tell whether something is still owed."""
        passed_s, self._at = now - self._at, now
        of_bytes = self.bytes_left + passed_s * self.quota.bytes_per_s
        of_records = self.records_left + passed_s * self.quota.records_per_s
        self.bytes_left = min(of_bytes, self._most_bytes)
        self.records_left = min(of_records, self._most_records)
        return of_bytes < 0 or of_records < 0


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
        self._accounts: dict[str, _Account] = {}
        self._is_idle = self._default == Quota() and not self._of_project

    def replace(self, of_project: Mapping[str, Quota]) -> None:
        """Use other quotas of projects from now on; a project whose quota changed starts full."""
        for project in self._of_project.keys() | of_project.keys():
            if self._of_project.get(project) != of_project.get(project):
                self._accounts.pop(project, None)
        self._of_project = dict(of_project)
        self._is_idle = self._default == Quota() and not self._of_project

    def check(self, project: str) -> None:
        """Let a request in. Raises `QuotaError` while the project has a debt."""
        if self._is_idle:
            return
        now = self._clock()
        account = self._accounts.get(project) or self._open(project, now)
        if account.has_debt(now):
            raise _debt(project, account)

    def take(self, project: str, size_bytes: int, records: int) -> None:
        """Charge what a request that was kept has cost."""
        if self._is_idle:
            return
        account = self._accounts.get(project) or self._open(project, self._clock())
        account.bytes_left -= size_bytes
        account.records_left -= records

    def _open(self, project: str, now: float) -> _Account:
        """Begin with full buckets."""
        if len(self._accounts) >= _FORGET_PROJECTS:
            self._accounts.clear()
        account = _Account(self._of_project.get(project, self._default), now)
        self._accounts[project] = account
        return account


def _debt(project: str, account: _Account) -> QuotaError:
    if account.bytes_left < 0:
        left, rate, what = account.bytes_left, account.quota.bytes_per_s, "bytes"
    else:
        left, rate, what = account.records_left, account.quota.records_per_s, "records"
    wait_s = math.ceil(-left / rate)
    return QuotaError(
        f'The project "{project}" may send {rate} {what} a second and has sent more. '
        f"Send again in {wait_s} s.",
        wait_s,
    )
