"""`parse` and `parse-where`: columns out of a text, by a pattern.

The pattern becomes one regular expression of the engine (RE2), which is run once a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, scalars
from stepsight_collector.kql.context import as_column, inner_scope, refuse, relation_on
from stepsight_collector.kql.conversions import as_text, convert
from stepsight_collector.kql.failing import has_failed
from stepsight_collector.kql.literals import bind_text
from stepsight_collector.kql.operators.empty import or_absent
from stepsight_collector.kql.plan import Compute, Filter
from stepsight_collector.kql.scope import Bound, quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_parse", "count_groups"]

T = ScalarType
# What a value looks like where its end is not given by the text that follows it.
_SHAPES = {
    T.INT: r"-?\d+",
    T.LONG: r"-?\d+",
    T.REAL: r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?",
    T.DECIMAL: r"[-+]?(?:\d+\.?\d*|\.\d+)",
    T.BOOL: r"(?i:true|false)",
    T.GUID: r"[0-9a-fA-F-]{32,36}",
    T.TIMESPAN: r"-?(?:\d+\.)?\d+:\d+(?::\d+(?:\.\d+)?)?",
    T.DATETIME: r"\d{1,4}[-/]\d{1,2}[-/]\d{1,4}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?Z?",
}
_FLAGS = frozenset("imsU")


@dataclass(frozen=True, slots=True)
class _Field:
    """A column that the pattern fills, from the regular expression's group `group` (from 1)."""

    name: str
    type: ScalarType
    group: int


def bind_parse(context: Context, relation: Relation, node: syntax.Parse, scope: Scope) -> Relation:
    """All columns, and those that the pattern finds: null or "" where it does not match.

    With kind=simple and regex, one column that does not convert leaves all of them empty.
    """
    inside = inner_scope(relation, scope)
    source = as_text(scalars.bind(node.expression, inside), inside)
    pattern, fields = _pattern(node)
    if has_failed(source) or not fields:
        return relation
    label = context.label(node.span)
    groups, text = context.fresh(), bind_text(scope, pattern)
    found = f"extractGroups({source.sql}, {text})"
    matched = Compute(relation.node, {groups: found}, label, keeps_all=True)
    raw = {field: convert(_group(groups, field.group), field.type, inside) for field in fields}
    condition = f"length({quote_identifier(groups)}) > 0"
    if node.kind != "relaxed":
        checks = (f"isNotNull({raw[f].sql})" for f in fields if f.type is not T.STRING)
        condition = " AND ".join((condition, *checks))
    is_whole = context.fresh()
    whole = Compute(matched, {is_whole: condition}, label, keeps_all=True)
    sql: dict[str, str] = {}
    columns = dict(relation.columns)
    for field, bound in raw.items():
        other = "''" if field.type is T.STRING else "NULL"
        sql[field.name] = f"if({quote_identifier(is_whole)}, {bound.sql}, {other})"
        made = Bound(field.type, "", is_nullable=field.type is not T.STRING)
        columns[field.name] = as_column(field.name, made)
    below = (
        Filter(whole, or_absent(relation, quote_identifier(is_whole)), label)
        if node.drops_others
        else whole
    )
    return relation_on(relation, Compute(below, sql, label, keeps_all=True), columns)


def _group(groups: str, number: int) -> Bound:
    return Bound(T.STRING, f"{quote_identifier(groups)}[{number}]", is_nullable=False)


def _pattern(node: syntax.Parse) -> tuple[str, list[_Field]]:
    """The regular expression, and what its groups are."""
    is_regex = node.kind == "regex"
    parts: list[str] = []
    fields: list[_Field] = []
    group = 1
    if node.pattern[0].text is not None or node.pattern[0].column is not None:
        parts.append("^")
    for place, part in enumerate(node.pattern):
        if part.text is not None:
            parts.append(part.text if is_regex else _escaped(part.text))
            group += count_groups(part.text) if is_regex else 0
        elif part.column is None:
            parts.append(".*?")
        else:
            kind = part.type or T.STRING
            _check(part, fields)
            parts.append(_capture(kind, node.pattern[place + 1 :], is_regex=is_regex))
            fields.append(_Field(part.column, kind, group))
            group += 1
    return _flags(node, is_regex=is_regex) + "".join(parts), fields


def _check(part: syntax.ParsePattern, fields: Sequence[_Field]) -> None:
    name = str(part.column)
    naming.check_name(name, part.span)
    if any(field.name == name for field in fields):
        refuse("ambiguous", f'the pattern fills "{name}" twice', part.span)


def _capture(kind: ScalarType, behind: Sequence[syntax.ParsePattern], *, is_regex: bool) -> str:
    following = behind[0] if behind else None
    if following is not None and following.column is not None:
        text = "two columns must have a text between them in the pattern"
        refuse("wrong_arguments", text, following.span)
    is_open = following is not None and following.text is None
    if kind is T.STRING and is_open and following is not None:
        refuse(
            "wrong_arguments",
            '"*" cannot follow a string column, which would take everything',
            following.span,
            "Put the text between them into the pattern.",
        )
    if kind in _SHAPES and (is_open or (is_regex and kind in {T.INT, T.LONG, T.REAL})):
        return f"({_SHAPES[kind]})"
    return "(.*)" if following is None or is_regex else "(.*?)"


def _flags(node: syntax.Parse, *, is_regex: bool) -> str:
    if not is_regex:
        return "(?s)"
    for flag in node.flags:
        if flag not in _FLAGS:
            refuse(
                "bad_value",
                f'unknown flag "{flag}"',
                node.span,
                "They are i (any case), m (lines), s (dot is any character), U (shortest first).",
            )
    # Without it the engine's dot is any character.
    return f"(?{node.flags}{'' if 's' in node.flags else '-s'})"


_GROUP = re.compile(r"\\.|\[(?:\\.|[^\]])*\]|\((?!\?)|\(\?P?<(?![=!])")


def count_groups(pattern: str) -> int:
    """The groups that a regular expression numbers."""
    return sum(1 for match in _GROUP.finditer(pattern) if match[0].startswith("("))


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in r"\.+*?()|[]{}^$" else each for each in text)
