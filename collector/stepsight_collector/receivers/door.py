"""What stands before every receiver: who sends, how much, and is there room for it now.

HTTP, gRPC and Breeze go through the same door in the same order: `admit` (token, quota), a hold on
memory, a turn, and after the request was kept `charge`. Nothing is read of a body before `admit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.access import Access
from stepsight_collector.receivers.budget import MemoryBudget
from stepsight_collector.receivers.quota import Quotas
from stepsight_collector.receivers.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from contextlib import AbstractAsyncContextManager

    from stepsight_collector.receivers.budget import Hold
    from stepsight_collector.receivers.shares import Shares

__all__ = ["Door"]

# Long enough for a burst to pass, short enough that a sender does not give up on the connection.
_ROOM_WAIT_S = 2.0
_DEFAULT_IN_FLIGHT_BYTES = 256 << 20


class Door:
    """One for all receivers of a collector, on its event loop.

    `shares` is set once there is a log to share.
    """

    def __init__(
        self,
        access: Access | None = None,
        quotas: Quotas | None = None,
        max_in_flight_bytes: int = _DEFAULT_IN_FLIGHT_BYTES,
    ) -> None:
        self.access = access or Access()
        self.quotas = quotas or Quotas()
        self.budget = MemoryBudget(max_in_flight_bytes)
        self.shares: Shares | None = None
        self.turns = Turns()

    def admit(
        self, authorization: str | None = None, instrumentation_key: str | None = None
    ) -> str:
        """Return the project that the sender writes to.

        Raises `AccessError` without the right token, `QuotaError` if the project sent too much,
        `BusyError` if the log is nearly full and the project is the one that filled it.
        """
        project = self.access.project_for_write(authorization, instrumentation_key)
        self.quotas.check(project)
        if self.shares is not None:
            self.shares.check(project)
        return project

    def check(self, project: str) -> None:
        """Raise `QuotaError` or `BusyError` as `admit` does, for a project that is known."""
        self.quotas.check(project)
        if self.shares is not None:
            self.shares.check(project)

    def room(self, project: str, size_bytes: int) -> Awaitable[Hold]:
        """Take memory for a request, after a moment's wait if need be.

        Raises `BusyError` if there is none, `TooLargeError` if there never will be.
        """
        return self.budget.reserve(project, size_bytes, _ROOM_WAIT_S)

    def turn(self, project: str) -> AbstractAsyncContextManager[None]:
        """Wait for the project's turn to have a request worked on."""
        return self.turns.turn(project)

    def charge(self, project: str, size_bytes: int, records: int) -> None:
        """Count a request that was kept against its project's quota."""
        self.quotas.take(project, size_bytes, records)
        if self.shares is not None:
            self.shares.take(project, size_bytes)
