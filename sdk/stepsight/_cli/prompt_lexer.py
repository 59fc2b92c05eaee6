"""The colours of the prompt: KQL by kinds of words, and a line under what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.layout.processors import Processor, Transformation
from prompt_toolkit.layout.utils import explode_text_fragments
from prompt_toolkit.lexers import Lexer

from stepsight._cli.kql_tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prompt_toolkit.document import Document
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.layout.processors import TransformationInput

    from stepsight._cli.prompt_check import Checker

__all__ = ["STYLE", "KqlLexer", "WrongMarks"]

STYLE = {
    "kql.comment": "ansibrightblack",
    "kql.string": "ansigreen",
    "kql.number": "ansimagenta",
    "kql.operator": "ansicyan bold",
    "kql.word": "ansicyan",
    "kql.type": "ansiyellow",
    "kql.function": "ansiblue",
    "kql.pipe": "bold",
    "kql.command": "ansiyellow bold",
    "kql.wrong": "underline ansired",
    "prompt": "bold",
    "continuation": "ansibrightblack",
    "bottom-toolbar": "noreverse ansibrightblack",
    "bottom-toolbar.wrong": "ansired",
}


class KqlLexer(Lexer):
    """Colours by kinds of words."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The coloured pieces of each line."""
        lines = _lines(document.text)
        return lambda number: lines[number] if number < len(lines) else []


def _lines(text: str) -> list[StyleAndTextTuples]:
    lines: list[StyleAndTextTuples] = [[]]
    for style, piece in _pieces(text):
        first, *more = piece.split("\n")
        lines[-1].append((style, first))
        lines += [[(style, part)] for part in more]
    return lines


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    if text.lstrip()[:1] in {".", "@"}:
        head, space, rest = text.partition(" ")
        yield from (("class:kql.command", head), ("", space + rest))
        return
    for token in tokens(text):
        yield f"class:kql.{token.kind}", token.text


class WrongMarks(Processor):
    """A line under what the collector finds wrong.

    No lexer could draw it: its lines are kept as long as the text stays the same.
    """

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Mark the characters of a line."""
        given = transformation_input
        places = self._wrong(given.document.text)
        if not places:
            return Transformation(given.fragments)
        at = given.document.translate_row_col_to_index(given.lineno, 0)
        marked: StyleAndTextTuples = []
        for n, (style, character, *_) in enumerate(explode_text_fragments(given.fragments), at):
            marked.append((f"{style} class:kql.wrong" if n in places else style, character))
        return Transformation(marked)

    def _wrong(self, text: str) -> set[int]:
        checked = self._checker.checked
        if checked.text != text:
            return set()
        return {
            place
            for each in checked.diagnostics
            for place in range(each["start"], max(each["end"], each["start"] + 1))
        }
