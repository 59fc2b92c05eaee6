"""Looks at a query while it is typed: one thread asks the collector about the newest text."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepsight._cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._cli.api import Api

__all__ = ["Checked", "Checker"]

# How long a text must stand still before it is looked at.
SETTLE_S = 0.25


@dataclass(frozen=True)
class Checked:
    """What is wrong with a text. `note` says why it could not be checked."""

    text: str = ""
    diagnostics: tuple[dict[str, Any], ...] = ()
    note: str = ""


class Checker:
    """Checks the text that was given last; `on_checked` is called from its thread."""

    def __init__(
        self, api: Api, on_checked: Callable[[], None], settle_s: float = SETTLE_S
    ) -> None:
        self.checked = Checked()
        self._api = api
        self._on_checked = on_checked
        self._settle_s = settle_s
        self._changed = threading.Condition()
        self._text = ""
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def look_at(self, text: str) -> None:
        """Have a text checked, soon; does not block."""
        with self._changed:
            self._text = text
            self._changed.notify()

    def close(self) -> None:
        """End the thread; an answer that is still to come is not waited for."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._text != self.checked.text)
                while not self._is_closed and self._changed.wait(self._settle_s):
                    pass  # it changed once more
                if self._is_closed:
                    return
                text = self._text
            self.checked = self._check(text)
            self._on_checked()

    def _check(self, text: str) -> Checked:
        if not text.strip() or text.lstrip()[0] in ".@":
            return Checked(text)
        try:
            found = self._api.check(text)["diagnostics"]
        except CliError as exc:
            return Checked(text, note=exc.format_message())
        # That a query ends too early is no news to who is typing it.
        written = len(text.rstrip())
        return Checked(text, tuple(each for each in found if each["start"] < written))
