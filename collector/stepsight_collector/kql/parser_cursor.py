"""Where the parser stands in the text, and how it says that something else was expected there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from stepsight_collector.kql import constants, lexer, parser_habits, report
from stepsight_collector.kql.errors import Diagnostic, KqlError
from stepsight_collector.kql.syntax import Span
from stepsight_collector.kql.types import TYPE_NAMES, ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.syntax import Expression, Operator

__all__ = ["Cursor", "LostError", "StoppedError"]

_MAX_NESTING = 60
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_SHOWN = 40


class StoppedError(KqlError):
    """Parsing cannot go on here; `is_closed`: what is missing is a closing bracket before it."""

    is_closed = False

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__([diagnostic])


class LostError(Exception):
    """The text ended inside of brackets behind an error that was reported."""


class Pipes(Protocol):
    """What the parser of expressions needs of the parser of queries: a pipe's operators."""

    def __call__(self, cursor: Cursor) -> tuple[Operator, ...]: ...


class Source(Protocol):
    """`range …`, `print …`, `union …` where a value may be a query; None where it is none."""

    def __call__(self, cursor: Cursor) -> Expression | None: ...


class Cursor:
    """The pieces of a text and the place of the next one, `at`.

    `pipes` and `source` lead from expressions back to queries. `diagnostics` are those of errors
    behind which the parser went on.
    """

    __slots__ = (
        "at", "diagnostics", "ends", "kinds", "nesting", "pipes", "source",
        "starts", "text", "texts",
    )  # fmt: skip

    def __init__(self, text: str, pipes: Pipes, source: Source) -> None:
        pieces = lexer.split(text)
        self.text = text
        self.kinds, self.texts = pieces.kinds, pieces.texts
        self.starts, self.ends = pieces.starts, pieces.ends
        self.diagnostics = pieces.diagnostics
        self.at = 0
        self.nesting = 0
        self.pipes, self.source = pipes, source

    # ------------------------------------------------------------------------------- reading

    def accept(self, sign_or_word: str) -> bool:
        """Step over a sign or a word if it is next."""
        if self.texts[self.at] == sign_or_word:
            self.at += 1
            return True
        return False

    def expect(self, sign: str, after: str) -> None:
        """Step over a sign or a word that must be next; `after` says what stands before it."""
        if self.texts[self.at] != sign:
            self.fail(f'expected "{sign}" after {after}')
        self.at += 1

    def close(self, opened_at: int) -> None:
        """Step over the bracket that closes the one which is piece `opened_at`."""
        opening = self.texts[opened_at]
        closing = _CLOSING[opening]
        if self.texts[self.at] != closing:
            raise self.unclosed(opened_at)
        self.at += 1

    def name(self, what: str) -> str:
        """Step over a name, also a bracketed one, `['odd name']`; `what` says what it is for."""
        kind = self.kinds[self.at]
        if kind == lexer.NAME and self.texts[self.at][0] != "!":
            self.at += 1
            return self.texts[self.at - 1]
        if kind == "[" and self.kinds[self.at + 1] == lexer.STRING:
            opened = self.at
            self.at += 1
            name = self.string()
            self.close(opened)
            return name
        if self.texts[self.at] == "=":  # no comparison is meant here
            message = f"expected {what}, but {self.found()}"
            raise StoppedError(Diagnostic("syntax", message, self.here()))
        return self.fail(f"expected {what}")

    def string(self) -> str:
        """Step over one string constant or more, which are then one: `"a" 'b'`."""
        parts = []
        while self.kinds[self.at] == lexer.STRING:
            parts.append(self._one_string())
            self.at += 1
        return parts[0] if len(parts) == 1 else "".join(parts)

    def _one_string(self) -> str:
        try:
            return constants.read_string(self.texts[self.at])
        except constants.BadConstantError as error:
            start = self.starts[self.at] + error.offset
            span = Span(start, start + error.length)
            self.diagnostics.append(Diagnostic("bad_value", str(error), span, error.hint))
            return ""

    def type(self) -> ScalarType:
        """Step over the name of a type."""
        kind = TYPE_NAMES.get(self.texts[self.at])
        if kind is None:
            self.fail("expected a type", "The types are " + ", ".join(_TYPES) + ".")
        self.at += 1
        return kind

    def is_adjacent(self) -> bool:
        """Whether no space stands between the piece before and the next one."""
        return self.at > 0 and self.ends[self.at - 1] == self.starts[self.at]

    def is_first_of_line(self) -> bool:
        """Whether a line begins with the next piece."""
        before = self.ends[self.at - 1] if self.at else 0
        return "\n" in self.text[before : self.starts[self.at]]

    def hyphenated(self) -> str:
        """The word here with what is tied to it: `project-away`. Does not step over it."""
        at, word = self.at, self.texts[self.at]
        while (
            self.kinds[at + 1] == "-"
            and self.kinds[at + 2] == lexer.NAME
            and self.ends[at] == self.starts[at + 1]
            and self.ends[at + 1] == self.starts[at + 2]
        ):
            at += 2
            word += "-" + self.texts[at]
        return word

    def skip_word(self, word: str) -> None:
        """Step over a word that may be hyphenated."""
        self.at += 1 + 2 * word.count("-")

    def span(self, start: int) -> Span:
        """From character `start` to the end of the piece before the next one."""
        return Span(start, self.ends[self.at - 1])

    def here(self) -> Span:
        """The place of the next piece; at the end of the text, behind the piece before."""
        if self.kinds[self.at] == lexer.END and self.at:
            return Span(self.ends[self.at - 1], self.ends[self.at - 1])
        return Span(self.starts[self.at], self.ends[self.at])

    def here_of(self, at: int) -> Span:
        """The place of piece `at`."""
        return Span(self.starts[at], self.ends[at])

    def enter(self) -> None:
        """One bracket deeper; `leave` undoes it."""
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise StoppedError(
                Diagnostic(
                    "limit",
                    f"the query is nested more than {_MAX_NESTING} levels deep here",
                    self.here(),
                    "Name a part of it with let, and use the name.",
                )
            )

    # ------------------------------------------------------------------------------- failing

    def found(self) -> str:
        """The next piece in words, for a message."""
        kind, text = self.kinds[self.at], self.texts[self.at]
        if kind == lexer.END:
            return "the query ends here"
        if len(text) > _SHOWN:
            text = text[: _SHOWN - 1] + "…"
        return f"found {text}" if kind == lexer.STRING else f'found "{text}"'

    def fail(self, expected: str, hint: str = "") -> NoReturn:
        """Stop: something else stands here than what was expected."""
        raise self.error(expected, hint)

    def error(self, expected: str, hint: str = "") -> StoppedError:
        """The error for something that stands here instead of what was expected."""
        advice = parser_habits.explain(self)
        if advice is None:
            message = f"{expected}, but {self.found()}"
            return StoppedError(Diagnostic("syntax", message, self.here(), hint))
        span = Span(self.starts[self.at], self.ends[self.at + advice.pieces - 1])
        return StoppedError(Diagnostic("syntax", advice.message, span, advice.hint))

    def mistake(self, message: str, hint: str = "", span: Span | None = None) -> StoppedError:
        """The error with a message of its own, about what stands here or at `span`."""
        return StoppedError(Diagnostic("syntax", message, span or self.here(), hint))

    def unclosed(self, opened_at: int) -> StoppedError:
        """The error for a bracket that is not closed where it should be."""
        opening = self.texts[opened_at]
        line, column = report.place(self.text, self.starts[opened_at])
        closing = _CLOSING[opening]
        error = self.error(
            f'expected "{closing}" to close the "{opening}" of line {line}, column {column}',
            f'Add the "{closing}", or what is missing before it.',
        )
        error.is_closed = self.texts[self.at] in {"|", ";"}
        return error


_TYPES = [kind.value for kind in ScalarType]
