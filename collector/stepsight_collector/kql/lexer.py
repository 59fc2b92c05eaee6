"""Text of a query as words, constants and signs, each with its place.

Keywords are not known here: what a word means depends on where it stands (`limit` is an operator
and a name). Text that is no KQL at all (an unclosed string, typographic quotes) is reported and
still becomes a piece of the nearest kind, so that the parser can go on behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.syntax import Span
from stepsight_collector.kql.types import TYPE_NAMES

__all__ = ["END", "NAME", "NUMBER", "STRING", "TIMESPAN", "TYPED", "Pieces", "split"]

NAME, STRING, NUMBER, TIMESPAN, TYPED, END = "name", "string", "number", "timespan", "typed", "end"

_UNITS = (
    "d|days?|h|hrs?|hours?|m|min|minutes?|s|sec|seconds?|ms|milli|millis|milliseconds?"
    "|micro|micros|microseconds?|nano|nanos|nanoseconds?|ticks?"
)
# `datetime(2024-05-01)`: what stands between the parentheses is no expression.
_TYPES = "|".join(sorted(set(TYPE_NAMES) - {"string", "dynamic"}, key=len, reverse=True))
# Typographic quotation marks, double and single.
_OPENING = "\u201c\u201d\u201e\u201f\u00ab\u2018\u201a\u2039"
_CLOSING = "\u201c\u201d\u201e\u201f\u00bb\u2019\u2018\u203a"

_PIECE = re.compile(
    rf"""
    (?: [\s\u200b\ufeff]+ | //[^\n]* )*
    (?:
      (?P<typed> (?:{_TYPES}) \s* \( (?: [^()"'\n]* | \s*"[^"\n]*"\s* | \s*'[^'\n]*'\s* ) \) )
    | (?P<string> [hH]? (?: "(?:[^"\\\r\n]|\\[^\r\n])*" | '(?:[^'\\\r\n]|\\[^\r\n])*'
        | @"(?:[^"\r\n]|"")*" | @'(?:[^'\r\n]|'')*' | ```[\s\S]*?``` | ~~~[\s\S]*?~~~ ) )
    | (?P<broken> [hH]? @? ["'] [^\r\n]* | [hH]? (?:```|~~~) [\s\S]*
        | [{_OPENING}] [^{_CLOSING}\r\n]* [{_CLOSING}]? | /\* [\s\S]*? (?:\*/|\Z) )
    | (?P<timespan> [0-9]+ (?:\.[0-9]+)? (?:{_UNITS}) (?!\w) )
    | (?P<number> (?: 0[xX][0-9a-fA-F]+
        | [0-9]+ (?:\.(?!\.)[0-9]*)? (?:[eE][+-]?[0-9]+)? ) (?!\w) )
    | (?P<name> in~ | [A-Za-z0-9_$]++ (?![^\W\x00-\x7f]) | !in~ | ![A-Za-z_]+ )
    | (?P<foreign> \w+ )
    | (?P<sign> == | =~ | => | != | !~ | <> | <= | >= | \.\. | && | \|\| | [^\s] )
    | (?P<end> \Z )
    )
    """,
    re.VERBOSE,
)
_SHOWN = 20
# The parser looks so many pieces ahead without asking whether the text ends.
_AHEAD = 4


@dataclass(slots=True)
class Pieces:
    """A text's pieces, as columns of one table; the last few are of the kind END.

    `kinds` has the piece's own text for a sign. `texts` are as written.
    """

    kinds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def split(text: str) -> Pieces:
    """Take a text apart. Never raises: what is wrong is in `diagnostics`."""
    pieces = Pieces()
    kinds, texts, starts, ends = pieces.kinds, pieces.texts, pieces.starts, pieces.ends
    for match in _PIECE.finditer(text):
        kind = match.lastgroup or END
        piece = match[kind]
        start, end = match.span(kind)
        if kind == "sign":
            kind = piece
        elif kind == "foreign":
            kind = _report_name(pieces, piece, start)
        elif kind == "broken":
            kind = _report(pieces, piece, start)
            if not kind:
                continue
        kinds.append(kind)
        texts.append(piece)
        starts.append(start)
        ends.append(end)
    kinds.extend(kinds[-1:] * _AHEAD)
    texts.extend(texts[-1:] * _AHEAD)
    starts.extend(starts[-1:] * _AHEAD)
    ends.extend(ends[-1:] * _AHEAD)
    return pieces


def _report(pieces: Pieces, piece: str, start: int) -> str:
    """Say what is wrong with a piece; returns the kind that it passes for, empty for none."""
    span = Span(start, start + len(piece))
    if piece.startswith("/*"):
        pieces.diagnostics.append(
            Diagnostic(
                "syntax",
                'KQL has no comments of the form "/* … */"',
                span,
                'Begin each line of the comment with "//".',
            )
        )
        return ""
    if piece[0] in _OPENING:
        pieces.diagnostics.append(
            Diagnostic(
                "syntax",
                f"{piece[0]} is a typographic quotation mark, not one of KQL's",
                span,
                f'Write "{piece.strip(_OPENING + _CLOSING)}" with straight quotes.',
            )
        )
        return STRING
    mark = next(each for each in ("```", "~~~", '"', "'") if each in piece)
    begin = piece if len(piece) <= _SHOWN else piece[:_SHOWN] + "…"
    pieces.diagnostics.append(
        Diagnostic(
            "syntax",
            f"the text that begins with {begin} has no closing {mark}",
            span,
            f"Add {mark} where the text ends"
            + (f"; a {mark} inside of it is written \\{mark}." if len(mark) == 1 else "."),
        )
    )
    return STRING


def _report_name(pieces: Pieces, piece: str, start: int) -> str:
    """A name with letters that need brackets around it."""
    shown = piece if len(piece) <= _SHOWN else piece[:_SHOWN] + "…"
    pieces.diagnostics.append(
        Diagnostic(
            "syntax",
            f"the name {shown} has letters outside of a to z",
            Span(start, start + len(piece)),
            f"Write it in brackets and quotes: ['{shown}'].",
        )
    )
    return NAME
