"""Where in a half-typed query a cursor stands: in which pipe, which operator, after what.

Works on the pieces of the text before the cursor, whatever is wrong with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stepsight_collector.kql import lexer
from stepsight_collector.kql.operator_usage import SOURCES

if TYPE_CHECKING:
    from stepsight_collector.kql.lexer import Pieces

__all__ = ["Frame", "Place", "find_place"]

_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
# What stands before a parenthesis in which a query begins.
_BEFORE_QUERY = frozenset({"join", "lookup", "union", "toscalar", "materialize", "in"})


@dataclass(slots=True)
class Frame:
    """A bracket that is open, or the statement itself.

    `begin` is its first piece, `pipes` the places of its pipes, `before` the word in front of it.
    """

    begin: int
    before: str = ""
    pipes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor's place: `frames` are the open brackets, from the statement inwards.

    `statements` is the text offset at which the statement begins; `words` are the pieces of the
    innermost stage (an operator with what follows, or a source) up to the cursor, closed brackets
    left out.
    """

    pieces: Pieces
    count: int
    frames: tuple[Frame, ...]
    statement: int

    def pipe_frame(self) -> Frame | None:
        """The innermost frame that has a pipe before the cursor: its rows are at hand."""
        return next((each for each in reversed(self.frames) if each.pipes), None)

    def stage(self, frame: Frame) -> list[str]:
        """The pieces of a frame's last stage, without those of brackets inside that are closed."""
        begin = frame.pipes[-1] + 1 if frame.pipes else frame.begin
        words: list[str] = []
        depth = 0
        for text in self.pieces.texts[begin : self.count]:
            if text in _CLOSING:
                depth -= 1
            if depth == 0:
                words.append(text)
            if text in _OPENING:
                depth += 1
        return words

    def last(self, back: int = 1) -> str:
        """The text of a piece before the cursor; empty before the first one."""
        at = self.count - back
        return self.pieces.texts[at] if at >= 0 else ""

    def last_kind(self) -> str:
        """The kind of the piece before the cursor."""
        return self.pieces.kinds[self.count - 1] if self.count else ""

    def operator(self, frame: Frame) -> str:
        """The operator of a frame's last stage, hyphens included; empty before any."""
        words = self.stage(frame)
        if not words or (not frame.pipes and words[0] not in SOURCES):
            return ""
        word = words[0]
        for hyphen, part in zip(words[1::2], words[2::2], strict=False):
            if hyphen != "-":
                break
            word += "-" + part
        return word

    def begins_query(self) -> bool:
        """Whether a table may stand at the cursor."""
        frame = self.frames[-1]
        words = self.stage(frame)
        if frame.pipes:
            return False
        if not words:
            return len(self.frames) == 1 or frame.before in _BEFORE_QUERY or frame.before == "{"
        return words[0] == "let" and words[-1] == "="


def find_place(pieces: Pieces, count: int) -> Place:
    """The place behind the first `count` pieces."""
    frames = [Frame(0)]
    statement = 0
    for at in range(count):
        text = pieces.texts[at]
        if text in _OPENING:
            before = "{" if text == "{" else _word_before(pieces, at, frames[-1])
            frames.append(Frame(at + 1, before))
        elif text in _CLOSING and len(frames) > 1:
            frames.pop()
        elif text == "|":
            frames[-1].pipes.append(at)
        elif text == ";" and len(frames) == 1:
            frames = [Frame(at + 1)]
            statement = at + 1
        elif text == ";":
            frames[-1] = Frame(at + 1, frames[-1].before)
    return Place(pieces, count, tuple(frames), statement)


def _word_before(pieces: Pieces, at: int, around: Frame) -> str:
    """The operator or function in front of a bracket: of `join kind=inner (` it is join."""
    before = pieces.texts[at - 1] if at else ""
    while (
        before not in _BEFORE_QUERY
        and pieces.texts[at - 2 : at - 1] == ["="]
        and pieces.kinds[at - 1] == lexer.NAME
    ):
        at -= 3
        before = pieces.texts[at - 1] if at else ""
    begin = around.pipes[-1] + 1 if around.pipes else around.begin
    return "union" if before == "," and pieces.texts[begin] == "union" else before
