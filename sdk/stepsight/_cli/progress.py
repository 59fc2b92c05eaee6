"""A sign of life on stderr while something takes longer than a second; on a terminal only."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["progress"]

DELAY_S = 1.0


@contextlib.contextmanager
def progress(text: str, delay_s: float = DELAY_S) -> Iterator[None]:
    """Show `text` with a moving sign once the block has taken `delay_s`, and wipe it at the end."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(text, delay_s, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _show(text: str, delay_s: float, ended: threading.Event) -> None:
    if ended.wait(delay_s):
        return
    from stepsight._cli.output import console

    with console(stderr=True).status(text):
        ended.wait()
