"""What becomes of an entry on its way to the disk. Lives on one event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Durable"]


class Durable(asyncio.Future[None]):
    """Done when an entry is on the disk, or has a `StorageError`.

    Cannot be cancelled: an entry that is being written cannot be taken back, and whoever asks for
    the same one again must learn what became of it. A task that waits ends once that is known.
    """

    _told: Callable[[], None] | None = None

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - asyncio's signature
        """Go on."""
        return False

    def tell(self, told: Callable[[], None]) -> None:
        """Have one function called as soon as it is done, in the same turn of the loop.

        That is cheaper than `add_done_callback`, of which each has a turn of its own.
        """
        if self.done():
            self.get_loop().call_soon(told)
        else:
            self._told = told

    def settle(self, error: Exception | None) -> None:
        """Be done. A bug of whom it tells is one for the loop, as one of a callback is."""
        if self.done():  # told before
            return
        if error is None:
            self.set_result(None)
        else:
            self.set_exception(error)
        if self._told is None:
            return
        try:
            self._told()
        except Exception as exc:  # noqa: BLE001 - others of the same group are still to be told
            message = "an acknowledgement failed"
            self.get_loop().call_exception_handler({"message": message, "exception": exc})
