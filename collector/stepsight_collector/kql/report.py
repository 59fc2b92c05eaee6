"""What is wrong with a query, as text for people: place, message, and the line with a mark below.

query:2:9  unknown column "custom_dimensions" in table traces. Did you mean "customDimensions"?
  2 | | where custom_dimensions.step_id == "a"
    |         ~~~~~~~~~~~~~~~~~
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.errors import Diagnostic

__all__ = ["format_diagnostic", "format_diagnostics", "place"]

_TAB = 4
_MAX_WIDTH = 100
_CUT = "…"
_ZERO_WIDTH = frozenset({"Mn", "Me", "Cf"})


def place(text: str, offset: int) -> tuple[int, int]:
    r"""Line and column of a character, both from 1; a line ends with a line feed.

    >>> place("a\nbc", 3)
    (2, 2)
    """
    line = text.count("\n", 0, offset) + 1
    return line, offset - text.rfind("\n", 0, offset)


def format_diagnostics(text: str, diagnostics: Iterable[Diagnostic]) -> str:
    """All that is wrong, in the text's order, with an empty line between; no line feed at the end.

    A tab is shown as four spaces, a control character as a replacement character, and of a line
    of more than 100 columns the part around the mark.
    """
    ordered = sorted(diagnostics, key=lambda each: each.span)
    return "\n\n".join(format_diagnostic(text, each) for each in ordered)


def format_diagnostic(text: str, diagnostic: Diagnostic) -> str:
    """One thing that is wrong: a line with place and message, and two that show it."""
    start, end = _within(text, diagnostic)
    line, column = place(text, start)
    begin = start - column + 1
    stop = text.find("\n", begin)
    whole = text[begin:] if stop < 0 else text[begin:stop]
    shown, mark = _window(whole.rstrip("\r"), start - begin, end - begin)
    margin = " " * len(str(line))
    message = diagnostic.message + (f". {diagnostic.hint}" if diagnostic.hint else "")
    return (
        f"query:{line}:{column}  {_one_line(message)}\n  {line} | {shown}".rstrip()
        + f"\n  {margin} | {mark}"
    )


def _within(text: str, diagnostic: Diagnostic) -> tuple[int, int]:
    """The span, inside of the text whatever it is."""
    start = min(max(diagnostic.span.start, 0), len(text))
    return start, max(start, min(diagnostic.span.end, len(text)))


def _window(line: str, start: int, end: int) -> tuple[str, str]:
    """The part of a line that is shown, and the mark that stands below."""
    cells = [_cell(character) for character in line]
    start, end = min(start, len(cells)), min(end, len(cells))
    before = sum(width for _, width in cells[:start])
    marked = max(1, sum(width for _, width in cells[start:end]))
    first, last = 0, len(cells)
    if sum(width for _, width in cells) > _MAX_WIDTH:
        first, last = _cut(cells, start, min(marked, _MAX_WIDTH // 2))
        before = sum(width for _, width in cells[first:start]) + (1 if first else 0)
        marked = max(1, sum(width for _, width in cells[start : min(end, last)]))
    shown = "".join(shape for shape, _ in cells[first:last])
    shown = (_CUT if first else "") + shown + (_CUT if last < len(cells) else "")
    return shown, " " * before + "~" * marked


def _cut(cells: list[tuple[str, int]], start: int, marked: int) -> tuple[int, int]:
    """The cells to show of a long line: what is marked, with as much before as behind it."""
    first, room = start, (_MAX_WIDTH - marked) // 2
    while first > 0 and room >= cells[first - 1][1]:
        first -= 1
        room -= cells[first][1]
    last, room = first, _MAX_WIDTH
    while last < len(cells) and room >= cells[last][1]:
        room -= cells[last][1]
        last += 1
    return first, last


def _cell(character: str) -> tuple[str, int]:
    """How a character is shown, and how many columns of a terminal it takes."""
    if character == "\t":
        return " " * _TAB, _TAB
    if character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff":
        return "\ufffd", 1
    if character < "\x7f":
        return character, 1
    if unicodedata.category(character) in _ZERO_WIDTH:
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _one_line(message: str) -> str:
    """A message without line feeds and control characters, which the query may have brought."""
    return "".join(_cell(each)[0] for each in " ".join(message.split("\n")))
