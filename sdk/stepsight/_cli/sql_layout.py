"""SQL of the compiler, which is one line, laid out for people: clause by clause, indented."""

from __future__ import annotations

import re

__all__ = ["lay_out_sql"]

_CLAUSES = (
    "WITH|SELECT|FROM|PREWHERE|WHERE|GROUP BY|HAVING|WINDOW|QUALIFY|ORDER BY|LIMIT|UNION ALL|"
    "SETTINGS|ARRAY JOIN|LEFT ARRAY JOIN|(?:ANY |ALL |SEMI |ANTI )?(?:INNER|LEFT|RIGHT|FULL)"
    "(?: ANY| ALL| SEMI| ANTI| OUTER)? JOIN"
).replace(" ", r"\ ")
_PIECE = re.compile(
    rf"""
      (?P<quoted>'(?:\\.|''|[^'\\])*' | `(?:\\.|``|[^`\\])*` | "(?:\\.|""|[^"\\])*" | \{{[^}}]*\}})
    | (?P<open>\()
    | (?P<close>\))
    | (?P<clause>\b(?:{_CLAUSES})\b)
    | (?P<comma>,\s*)
    | (?P<space>\s+)
    | (?P<other>\w+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_QUERY = re.compile(r"\s*\(?\s*(?:SELECT|WITH)\b")
INDENT = 2


def lay_out_sql(sql: str, width: int) -> list[str]:
    """Lines of at most `width` columns, as far as a clause can be broken at its commas.

    >>> lay_out_sql("SELECT a FROM (SELECT b AS a FROM t WHERE c = ')') LIMIT 5", 80)
    ['SELECT a', 'FROM (', '  SELECT b AS a', '  FROM t', "  WHERE c = ')'", ')', 'LIMIT 5']
    """
    lines: list[tuple[int, list[str]]] = [(0, [])]
    # For each open parenthesis, whether a query is inside.
    inside: list[bool] = []
    for match in _PIECE.finditer(sql):
        kind, text = match.lastgroup, match[0]
        depth = sum(inside)
        is_top = not inside or inside[-1]
        if kind == "open":
            inside.append(_QUERY.match(sql, match.end()) is not None)
            lines[-1][1].append(text)
            continue
        if kind == "close" and inside:
            if inside.pop():
                lines.append((depth - 1, []))
        elif kind == "clause" and is_top and text != "WITH":
            lines.append((depth, []))
        lines[-1][1].append(" " if kind == "space" else text)
    found = [(depth, "".join(parts).strip()) for depth, parts in lines]
    return [each for depth, text in found if text for each in _wrapped(text, depth, width)]


def _wrapped(text: str, depth: int, width: int) -> list[str]:
    """A line, broken at commas that stand outside of parentheses where it is too long."""
    margin = " " * (INDENT * depth)
    if len(margin) + len(text) <= width:
        return [margin + text]
    lines, line, level = [], "", 0
    for match in _PIECE.finditer(text):
        kind, piece = match.lastgroup, match[0]
        level += (kind == "open") - (kind == "close")
        line += piece
        if kind == "comma" and level == 0 and len(line) > width // 2 - len(margin):
            lines.append(line.rstrip())
            line = ""
    lines.append(line)
    more = " " * INDENT * 2
    return [margin + (more if n else "") + each for n, each in enumerate(lines)]
