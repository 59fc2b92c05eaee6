"""The line that is typed at the prompt: its keys, colours, completion, history, state."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import ThreadedCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.styles import Style

from stepsight._cli.kql_tokens import is_complete
from stepsight._cli.prompt_check import Checker
from stepsight._cli.prompt_completion import KqlCompleter
from stepsight._cli.prompt_lexer import STYLE, KqlLexer, WrongMarks
from stepsight._cli.report import diagnostic_text
from stepsight._cli.text import one_line
from stepsight._settings import wants_color

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyPressEvent

    from stepsight._cli.prompt import PromptState

__all__ = ["PromptInput", "history_path"]

PROMPT, CONTINUATION = "kql> ", "···> "
# Typing must not wait for a collector that has gone.
TYPING_TIMEOUT_S = 3.0


class PromptInput:
    """Reads what is typed, with the help of the collector; close it at the end."""

    def __init__(self, state: PromptState) -> None:
        self._state = state
        quick = dataclasses.replace(state.api, timeout_s=TYPING_TIMEOUT_S)
        self._checker = Checker(quick, self._redraw)
        self._session: PromptSession[str] = PromptSession(
            [("class:prompt", PROMPT)],
            multiline=True,
            prompt_continuation=[("class:continuation", CONTINUATION)],
            lexer=KqlLexer(),
            input_processors=[WrongMarks(self._checker)],
            completer=ThreadedCompleter(KqlCompleter(quick, state)),
            complete_while_typing=True,
            history=_history(),
            key_bindings=_bindings(),
            bottom_toolbar=self._toolbar,
            style=Style.from_dict(STYLE),
            color_depth=None if wants_color() else ColorDepth.DEPTH_1_BIT,
            # Rows below the line that the list of completions may take.
            reserve_space_for_menu=6,
        )
        self._session.default_buffer.on_text_changed += self._look

    def close(self) -> None:
        """End what works in the background."""
        self._checker.close()

    def read(self) -> str:
        """What is typed next. Raises KeyboardInterrupt for Ctrl-C, EOFError for Ctrl-D."""
        return self._session.prompt()

    def _look(self, buffer: Buffer) -> None:
        self._checker.look_at(buffer.text)

    def _redraw(self) -> None:
        if self._session.app.is_running:
            self._session.app.invalidate()

    def _toolbar(self) -> StyleAndTextTuples:
        buffer, checked = self._session.default_buffer, self._checker.checked
        if checked.text != buffer.text:
            return [("", self._state.describe())]
        # The word that is being completed is of course unknown.
        limit = buffer.cursor_position if buffer.complete_state else len(buffer.text) + 1
        wrong = [each for each in checked.diagnostics if each["end"] < limit]
        note = diagnostic_text(wrong[0]) if wrong else one_line(checked.note)
        style = "class:bottom-toolbar.wrong" if note else ""
        return [(style, note or self._state.describe())]


def history_path() -> Path:
    """Where questions are kept: `history.kql` in stepsight's folder of the user's state."""
    if sys.platform.startswith(("win", "darwin")):
        return Path(click.get_app_dir("stepsight")) / "history.kql"
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "stepsight" / "history.kql"


def _history() -> History:
    """A file that only its owner can read; questions of this time only where there can be none."""
    path = history_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        path.chmod(0o600)
    except OSError as exc:
        click.echo(f"No history: {path} cannot be written ({exc.strerror}).", err=True)
        return InMemoryHistory()
    return FileHistory(path)


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def run_or_break(event: KeyPressEvent) -> None:
        """Run what is complete, unless the cursor is inside of several lines."""
        buffer = event.current_buffer
        if buffer.complete_state and buffer.complete_state.current_completion:
            buffer.apply_completion(buffer.complete_state.current_completion)
        elif _may_run(buffer.document):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    @bindings.add("escape", "enter")
    def break_line(event: KeyPressEvent) -> None:
        """Add a line."""
        event.current_buffer.insert_text("\n")

    return bindings


def _may_run(document: Document) -> bool:
    text = document.text
    if text.lstrip()[:1] in {".", "@"}:
        return True
    is_inside = "\n" in text and document.text_after_cursor.strip() != ""
    return is_complete(text) and not is_inside
