"""Notice that a file has changed, and read it again.

By asking for its size and time once a second: works for files that are replaced, for links that
are turned (as Kubernetes does with secrets), and on every file system.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from stepsight_collector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["FileWatch"]

_INTERVAL_S = 1.0
_log = logging.getLogger("stepsight.watch")


class FileWatch:
    """Calls `reload` on a thread when one of `files` is not what it was.

    A `ConfigError` of `reload` is logged, and what was in use before stays in use.
    """

    def __init__(
        self,
        what: str,
        files: Sequence[Path],
        reload: Callable[[], None],
        interval_s: float = _INTERVAL_S,
    ) -> None:
        self._what = what
        self._files = files
        self._reload = reload
        self._interval_s = interval_s
        self._seen = self._look()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self) -> bool:
        """Look once; tell whether the files were read again with success."""
        seen = await asyncio.to_thread(self._look)
        if seen == self._seen:
            return False
        self._seen = seen
        return await self.reload()

    async def reload(self) -> bool:
        """Read the files again now."""
        try:
            await asyncio.to_thread(self._reload)
        except ConfigError as exc:
            _log.error(
                "%s not read again, what was in use stays: %s", self._what, " ".join(exc.problems)
            )
            return False
        _log.info("%s read again", self._what)
        return True

    def _look(self) -> list[tuple[int, ...]]:
        return [_state(file) for file in self._files]

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.check()
            except Exception:
                _log.exception("%s could not be looked at", self._what)
                raise


def _state(file: Path) -> tuple[int, ...]:
    """Return what tells one version of a file from another; nothing for one that is away."""
    try:
        state = file.stat()
    except OSError:
        return ()
    return state.st_ino, state.st_size, state.st_mtime_ns
