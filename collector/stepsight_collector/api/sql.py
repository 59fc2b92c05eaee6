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
_READING = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS")
_SELECTING = frozenset({"SELECT", "WITH"})


def check_reads_only(sql: str, max_rows: int) -> str:
    """Return the statement to run, limited to one row more than `max_rows` where it is a selection.

    >>> check_reads_only("select 1;", 10)
    'SELECT * FROM (\\nselect 1\\n) LIMIT 11'
    """
    statement = sql.strip().rstrip(";").rstrip()
    match = _FIRST_WORD.match(statement, _LEADING_COMMENTS.match(statement).end())  # type: ignore[union-attr] # matches empty text too
    word = match.group().upper() if match else ""
    if word not in _READING:
        raise ApiError(
            400,
            "bad_query",
            f'a query must read: it starts with "{word or statement[:20]}", expected one of {", ".join(_READING)}',
        )
    if word in _SELECTING and not re.search(r"\bFORMAT\s+\w+\s*\Z", statement, re.IGNORECASE):
        return f"SELECT * FROM (\n{statement}\n) LIMIT {max_rows + 1}"
    return statement
