"""What SQL a person may send: one statement that reads.

The reader connections refuse writes, files, URLs and changed limits themselves; this adds what they
cannot refuse in
the embedded engine, where everybody is the same user (KILL QUERY), and gives an answer in plain
words.
"""

from __future__ import annotations

import re

from stepsight_collector.api.errors import ApiError

__all__ = ["check_reads_only"]

_LEADING_COMMENTS = re.compile(
    r"\A(?:\s+|--[^\n]*(?:\n|\Z)|#[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*", re.DOTALL
)
_FIRST_WORD = re.compile(r"[A-Za-z]+")
_FORMAT = re.compile(r"\bFORMAT\s+\w+\s*\Z", re.IGNORECASE)
_READING = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS")


def check_reads_only(sql: str) -> str:
    """Return the statement to run, without a closing semicolon.

    >>> check_reads_only("select 1;")
    'select 1'
    """
    statement = sql.strip().rstrip(";").rstrip()
    comments = _LEADING_COMMENTS.match(statement)
    match = _FIRST_WORD.match(statement, comments.end() if comments else 0)
    word = match.group().upper() if match else ""
    if word not in _READING:
        raise ApiError(
            400,
            "bad_query",
            f'a query must read: it starts with "{word or statement[:20]}", '
            f"expected one of {', '.join(_READING)}",
        )
    if _FORMAT.search(statement):
        raise ApiError(
            400, "bad_query", "a query cannot choose a FORMAT here: leave that clause out"
        )
    return statement
