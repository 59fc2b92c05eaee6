"""`parse-kv`: columns out of the keys and values in a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.kql import naming, scalars, syntax
from stepsight_collector.kql.context import as_column, inner_scope, refuse, relation_on
from stepsight_collector.kql.conversions import as_text, convert
from stepsight_collector.kql.failing import has_failed
from stepsight_collector.kql.literals import bind_text
from stepsight_collector.kql.operators.parse import count_groups
from stepsight_collector.kql.plan import Compute
from stepsight_collector.kql.scope import Bound, quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["bind_parse_kv"]

T = ScalarType


@dataclass(slots=True)
class _Options:
    pair: str = ""
    kv: str = ""
    quotes: tuple[str, ...] = ()
    escapes: str = ""
    regex: str = ""
    greedy: bool = False


def bind_parse_kv(
    context: Context, relation: Relation, node: syntax.ParseKv, scope: Scope
) -> Relation:
    """All columns, and one for each key that is listed: null or "" where it is not in the text.

    The text is cut into (key, value) pairs once a row. The first value of a key counts.
    """
    inside = inner_scope(relation, scope)
    source = as_text(scalars.bind(node.expression, inside), inside)
    options = _read(node)
    if has_failed(source):
        return relation
    pairs = context.fresh()
    label = context.label(node.span)
    cut = _pairs(source.sql, options, scope)
    below = Compute(relation.node, {pairs: cut}, label, keeps_all=True)
    sql: dict[str, str] = {}
    columns = dict(relation.columns)
    for column in node.columns:
        naming.check_name(column.name, column.span)
        kind = column.type or T.STRING
        name = bind_text(scope, column.name)
        value = f"arrayFirst(kv -> kv.1 = {name}, {quote_identifier(pairs)}).2"
        bound = convert(Bound(T.STRING, value, is_nullable=False), kind, inside)
        sql[column.name] = bound.sql
        columns[column.name] = as_column(column.name, bound)
    return relation_on(relation, Compute(below, sql, label, keeps_all=True), columns)


def _read(node: syntax.ParseKv) -> _Options:
    options = _Options()
    for each in node.options:
        value = each.expression.value if isinstance(each.expression, syntax.Literal) else None
        name = each.names[0]
        if name == "greedy":
            options.greedy = value is True
        elif not isinstance(value, str) or not value:
            refuse("bad_value", f'"{name}" needs a text', each.span)
        elif name == "quote":
            if len(value) > 2:  # noqa: PLR2004 — an opening and a closing one
                refuse("bad_value", "quote is one or two characters", each.span)
            options.quotes += (value[0] + value[-1],)
        elif name == "escape":
            options.escapes += value
        else:
            setattr(
                options, {"pair_delimiter": "pair", "kv_delimiter": "kv"}.get(name, name), value
            )
    _check(node, options)
    return options


def _check(node: syntax.ParseKv, options: _Options) -> None:
    if options.regex:
        if count_groups(options.regex) != 2:  # noqa: PLR2004 — the key and the value
            text = "the regular expression must have two groups: the key and the value"
            refuse("bad_value", text, node.span)
    elif bool(options.pair) != bool(options.kv):
        text = "pair_delimiter and kv_delimiter are given together or not at all"
        refuse("wrong_arguments", text, node.span)
    if options.greedy and (options.quotes or not options.pair):
        text = "greedy needs pair_delimiter and kv_delimiter, and no quotes"
        refuse("unsupported", text, node.span)


def _pairs(text: str, options: _Options, scope: Scope) -> str:
    """SQL: an array of tuples (key, value)."""
    if options.regex:
        found = f"extractAllGroupsVertical({text}, {bind_text(scope, options.regex)})"
        return f"arrayMap(m -> (trimBoth(m[1]), trimBoth(m[2])), {found})"
    if options.greedy:
        return _greedy(text, options, scope)
    if options.pair:
        return _delimited(text, options, scope)
    return _bare(text, options, scope)


def _quoted(options: _Options) -> str:
    """A regular expression for a quoted text, with one group for each kind of quotes."""
    escapes = "".join(f"\\{each}" for each in options.escapes)
    parts = []
    for quotes in options.quotes:
        opening, closing = quotes[0], quotes[1]
        inner = rf"[^\{closing}{escapes}]"
        if escapes:
            inner = rf"(?:{inner}|[{escapes}].)"
        parts.append(rf"\{opening}({inner}*)\{closing}")
    return "|".join(parts)


def _unescaped(sql: str, options: _Options, scope: Scope) -> str:
    if not options.escapes:
        return sql
    pattern = "[" + "".join(f"\\{each}" for each in options.escapes) + "](.)"
    return f"replaceRegexpAll({sql}, {bind_text(scope, pattern)}, '\\\\1')"


def _delimited(text: str, options: _Options, scope: Scope) -> str:
    count = len(options.quotes)
    pair, kv = _escaped(options.pair), _escaped(options.kv)
    quoted = f"{_quoted(options)}|" if count else ""
    pattern = rf"(?s)\s*(?:{quoted}(.*?))\s*{kv}\s*(?:{quoted}(.*?))\s*(?:{pair}|$)"
    groups = f"extractAllGroupsVertical({text}, {bind_text(scope, pattern)})"
    places = range(1, count + 2)
    key = "concat(" + ", ".join(f"m[{each}]" for each in places) + ", '')"
    value = "concat(" + ", ".join(f"m[{each + count + 1}]" for each in places) + ", '')"
    # What stands before the key in an unquoted pair, as `a b=1` with a blank between pairs.
    bare = f"arrayElement(splitByString({bind_text(scope, options.pair)}, {key}), -1)"
    name = f"if(m[{count + 1}] = '', {key}, trimBoth({bare}))"
    return f"arrayMap(m -> ({name}, {_unescaped(value, options, scope)}), {groups})"


def _greedy(text: str, options: _Options, scope: Scope) -> str:
    """A value reaches to the last delimiter before the next key."""
    pair, kv = bind_text(scope, options.pair), bind_text(scope, options.kv)
    parts = f"splitByString({kv}, {text})"
    last = f"splitByString({pair}, p)"
    keys = f"arrayMap(p -> trimBoth(arrayElement({last}, -1)), arrayPopBack({parts}))"
    heads = f"arrayMap(p -> arrayStringConcat(arrayPopBack({last}), {pair}), {parts})"
    values = f"arrayPushBack(arrayPopBack(arrayPopFront({heads})), arrayElement({parts}, -1))"
    return (
        f"if(length({parts}) < 2, CAST([], 'Array(Tuple(String, String))'), "
        f"arrayMap((k, v) -> (k, trimBoth(v)), {keys}, {values}))"
    )


def _bare(text: str, options: _Options, scope: Scope) -> str:
    """Every word, or quoted text, is the value of the word before it."""
    quoted = f"{_quoted(options)}|" if options.quotes else ""
    pattern = rf"(?s){quoted}([\pL\pN]+)"
    groups = f"extractAllGroupsVertical({text}, {bind_text(scope, pattern)})"
    places = range(1, len(options.quotes) + 2)
    word = "concat(" + ", ".join(f"m[{each}]" for each in places) + ", '')"
    words = f"arrayMap(m -> {_unescaped(word, options, scope)}, {groups})"
    values = f"arrayPushBack(arrayPopFront({words}), '')"
    return (
        f"if(empty({words}), CAST([], 'Array(Tuple(String, String))'), "
        f"arrayMap((k, v) -> (k, v), {words}, {values}))"
    )


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in r"\.+*?()|[]{}^$" else each for each in text)
