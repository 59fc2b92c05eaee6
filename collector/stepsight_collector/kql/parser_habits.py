"""What people write by habit of another language, and what it is in KQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepsight_collector.kql import constants, lexer, suggest

if TYPE_CHECKING:
    from stepsight_collector.kql.parser_cursor import Cursor

__all__ = ["Advice", "explain"]


class Advice(NamedTuple):
    """A message, what to write instead, and how many pieces of the text it is about."""

    message: str
    hint: str
    pieces: int = 1


_EQUALS = Advice(
    'expected a comparison, but found "="',
    'Compare with "==", or with "=~" to ignore case. "=" gives a column its name.',
)
_COMMENT = 'A comment begins with "//".'
# By the text that stands there; words in lower case.
_TEXTS = {
    "=": _EQUALS,
    "=>": Advice('KQL has no operator "=>"', 'Write ">=".'),
    "&&": Advice('KQL has no operator "&&"', 'Write "and".'),
    "||": Advice('KQL has no operator "||"', 'Write "or"; to join texts use strcat(a, b).'),
    "&": Advice('KQL has no operator "&"', 'Write "and", or binary_and(a, b) for bits.'),
    "!": Advice('"!" cannot stand here', "Negate with not(…), as in not(a == 1)."),
    "^": Advice('KQL has no operator "^"', "Write pow(a, b), or binary_xor(a, b) for bits."),
    "?": Advice('KQL has no operator "?"', "Write iff(condition, then, else)."),
    "`": Advice("names do not stand in backticks", "Write an odd name as ['odd name']."),
    "#": Advice('"#" means nothing here', _COMMENT),
    "\\": Advice("a backslash can stand only inside of a text", "Remove it, or quote the text."),
    "\u2019": Advice("this is a typographic quotation mark", 'Write "…" with straight quotes.'),
    "like": Advice(
        'KQL has no operator "like"',
        'Use contains "x" for %x%, startswith "x" for x%, endswith "x" for %x, '
        'or has "x" for a whole word.',
    ),
    "having": Advice(
        'KQL has no "having"', "Put a where behind the summarize: | where count_ > 10."
    ),
    "when": Advice('KQL has no "case when"', "Write case(condition, value, …, otherwise)."),
    "as": Advice(
        '"as" does not give a column its name', "Put the name in front: project name = expression."
    ),
    "select": Advice('KQL has no "select"', "Write table | project columns."),
    "from": Advice('"from" cannot stand here', "A query begins with its table: traces | …"),
}
_UPPER = frozenset({"AND", "OR", "IN", "BETWEEN", "BY", "CONTAINS"})
_ORDERS = {"asc": "asc", "ascending": "asc", "desc": "desc", "descending": "desc"}
_NEGATED = (
    "!between", "!contains", "!contains_cs", "!endswith", "!endswith_cs", "!has", "!has_cs",
    "!hasprefix", "!hassuffix", "!in", "!in~", "!startswith", "!startswith_cs",
)  # fmt: skip
_WORDS = (
    "between", "contains", "contains_cs", "endswith", "has", "has_all", "has_any", "has_cs",
    "hasprefix", "hassuffix", "in", "startswith",
)  # fmt: skip
_NOT = frozenset({"in", "has", "contains", "startswith", "endswith", "between"})


def explain(cursor: Cursor) -> Advice | None:
    """Advice on the piece where the cursor stands, if it is a known habit there."""
    text = cursor.texts[cursor.at]
    lower = text.lower()
    if cursor.kinds[cursor.at] == lexer.NAME:
        found = _explain_words(cursor, text, lower)
        if found is not None:
            return found
    elif text == "=" and cursor.texts[cursor.at - 1] == "==" and cursor.is_adjacent():
        return Advice('KQL has no operator "==="', 'Write "==".')
    elif text == "-" and cursor.text.startswith("--", cursor.starts[cursor.at]):
        return Advice('"--" begins no comment in KQL', _COMMENT, 2)
    return _TEXTS.get(lower)


def _explain_words(cursor: Cursor, text: str, lower: str) -> Advice | None:
    following = cursor.texts[cursor.at + 1]
    if cursor.texts[cursor.at - 1].lower() == "distinct":
        return Advice('KQL has no "distinct" inside of a call', "Write dcount(x) for how many.")
    if text[0] == "!":
        return _explain_negated(text)
    if lower in {"is", "not"}:
        return _explain_is(cursor, following) if lower == "is" else _explain_not(following)
    if lower in {"group", "order"} and following.lower() == "by" and text != "order":
        hint = (
            "Write | summarize aggregates by columns." if lower == "group" else "Write | sort by."
        )
        return Advice(f'KQL has no "{text} {following}" here', hint, 2)
    if cursor.kinds[cursor.at - 1] == lexer.NUMBER and constants.is_unit(text):
        return Advice("a timespan has no space", f"Write {cursor.texts[cursor.at - 1]}{text}.")
    return _explain_spelling(text, lower, following)


def _explain_spelling(text: str, lower: str, following: str) -> Advice | None:
    """A word of KQL in capitals, in full, or with a slip."""
    if lower in _ORDERS and text not in {"asc", "desc"}:
        return Advice(f'KQL has no "{text}"', f'Write "{_ORDERS[lower]}".')
    if text in _UPPER or (lower in {"and", "or"} and text != lower):
        return Advice(
            f'KQL is case-sensitive, and has no "{text}"', f'Write "{lower}", in small letters.'
        )
    near = suggest.closest(lower, _WORDS) if following[:1] in {'"', "'", "(", "@"} else None
    if near is not None and text not in _WORDS:
        return Advice(f'KQL has no operator "{text}"', f'Did you mean "{near}"?')
    return None


def _explain_not(following: str) -> Advice | None:
    after = following.lower()
    if after == "like":
        return Advice('KQL has no "not like"', 'Write !contains "x", or not(…).', 2)
    if after in _NOT:
        return Advice(f'KQL has no "not {following}"', f'Write "!{after}", without a space.', 2)
    return None


def _explain_negated(text: str) -> Advice:
    """A word with "!" that is no operator."""
    word = text[1:]
    if word in {"has_any", "has_all"}:
        return Advice(f'KQL has no "{text}"', f"Write not(x {word} (…)).")
    return Advice(
        f'KQL has no operator "{text}"', suggest.did_you_mean(text, _NEGATED) or "Write not(…)."
    )


def _explain_is(cursor: Cursor, following: str) -> Advice | None:
    after = following.lower()
    if after == "null":
        return Advice('KQL has no "is null"', "Write isnull(x), or isempty(x) of a string.", 2)
    if after == "not" and cursor.texts[cursor.at + 2].lower() == "null":
        return Advice(
            'KQL has no "is not null"', "Write isnotnull(x), or isnotempty(x) of a string.", 3
        )
    return None
