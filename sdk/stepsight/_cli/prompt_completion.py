"""Completion at the prompt: the collector says what may stand at the cursor of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prompt_toolkit.completion import Completer, Completion

from stepsight._cli.errors import CliError
from stepsight._cli.output import FORMATS
from stepsight._cli.prompt_commands import COMMANDS
from stepsight._cli.saved_queries import list_queries
from stepsight._cli.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    from stepsight._cli.api import Api
    from stepsight._cli.prompt import PromptState

__all__ = ["KqlCompleter"]


class KqlCompleter(Completer):
    """Asks the collector what may stand at the cursor; dot commands and saved queries by itself."""

    def __init__(self, api: Api, state: PromptState) -> None:
        self._api = api
        self._state = state

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """What may stand at the cursor."""
        before = document.text_before_cursor.lstrip()
        if before.startswith((".", "@")):
            yield from self._of_command(before)
            return
        if not before and not complete_event.completion_requested:
            return
        try:
            found = self._api.complete(document.text, document.cursor_position)
        except CliError:
            return  # the line below the prompt says what is wrong with the collector
        for item in found["items"]:
            yield _completion(item, found["start"] - document.cursor_position)

    def _of_command(self, before: str) -> Iterator[Completion]:
        head, space, argument = before.partition(" ")
        if not space:
            choices: dict[str, str] = {each.name: each.text for each in COMMANDS}
            if head.startswith("@"):
                choices = {f"@{each.name}": each.description for each in list_queries()}
            argument = head
        elif head == ".schema":
            choices = {each["name"]: each["description"] for each in self._state.tables}
        else:
            choices = dict.fromkeys(FORMATS, "") if head == ".format" else {}
        for name, meta in choices.items():
            if name.lower().startswith(argument.lower()):
                yield Completion(name, -len(argument), display_meta=meta)


def _completion(item: dict[str, Any], start: int) -> Completion:
    detail = one_line(item.get("detail") or "")
    meta = f"{item['kind']}  {detail}" if detail else item["kind"]
    return Completion(item["insert"], min(start, 0), display=item["label"], display_meta=meta)
