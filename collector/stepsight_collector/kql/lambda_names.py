"""Variables of lambda expressions, named so that no column can have their name.

Functions write `arrayMap(e -> …, …)` around expressions of a query, which may have a column `e`; to
the engine both are the same name. Columns are always quoted in the SQL and variables never, so they
can be told apart until the whole text is there.
"""

from __future__ import annotations

import re

from stepsight_collector.kql.plan import HIDDEN

__all__ = ["rename_variables"]

_QUOTED = r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`"
_DECLARED = re.compile(rf"{_QUOTED}|(?:\((?P<many>\w+(?:, \w+)*)\)|\b(?P<one>\w+)) ->")
_WORD = re.compile(rf"{_QUOTED}|(?<![.\w])(?P<word>[A-Za-z_]\w*)(?![\w(:])")


def rename_variables(sql: str) -> str:
    """The SQL with other names for the variables of its lambda expressions."""
    if "->" not in sql:
        return sql
    names: set[str] = set()
    for match in _DECLARED.finditer(sql):
        names.update((match["many"] or match["one"] or "").split(", "))

    def renamed(match: re.Match[str]) -> str:
        word = match["word"]
        return f"`{HIDDEN}{HIDDEN}{word}`" if word in names else match[0]

    return _WORD.sub(renamed, sql)
