"""`== != < <= > >=`, `=~ !~`, `between`: what compares with what, and KQL's nulls.

`null == v` is false and `null != v` true; with two nulls both are null. An order with a null is
null. As a filter's condition null and false are the same, so there nothing is wrapped, and a plain
comparison reaches the engine's keys and indexes.

A dynamic takes its partner's type. A bool and a text compare by the text's word: `success` is the
text "True" in one schema and a bool in the other.
"""

from __future__ import annotations

import operator as operators
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql import ticks
from stepsight_collector.kql.arithmetic import add
from stepsight_collector.kql.conversions import NUMBERS, as_json, convert, text_sql
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.literals import bind_constant, bind_text, is_constant, null
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.scope import Scope
    from stepsight_collector.kql.syntax import Span

__all__ = ["bind_between", "bind_comparison", "equals", "fold_case", "pair"]

T = ScalarType
_SQL: Final = {"==": "=", "!=": "!="}
_COMPARE: Final[dict[str, Callable[[int, int], bool]]] = {
    "==": operators.eq, "!=": operators.ne,
    "<": operators.lt, "<=": operators.le, ">": operators.gt, ">=": operators.ge,
}  # fmt: skip
_ORDERED: Final = NUMBERS | {T.DATETIME, T.TIMESPAN, T.BOOL, T.GUID}


def bind_comparison(
    node: syntax.Binary, left: Bound, right: Bound, scope: Scope, *, is_filter: bool
) -> Bound:
    """`left operator right`, both bound; `is_filter` says that null may be false."""
    if has_failed(left) or has_failed(right):
        return left if has_failed(left) else right
    if node.operator in {"=~", "!~"}:
        return _compare_folded(node.operator, left, right, scope)
    sides = pair(left, right, scope, node.operator, node.operator_span)
    if sides is None or (node.operator not in _SQL and sides[0].type is T.STRING):
        return fail(scope, "wrong_type", *_mismatch(node, left, right))
    if node.operator in _SQL:
        return equals(*sides, is_filter=is_filter, is_negated=node.operator == "!=")
    return _order(node.operator, *sides)


def _compared(operator: str, left: Bound, right: Bound) -> bool | None:
    """What comes of two constant times, which the engine may not hold."""
    if left.type is not T.DATETIME or right.type is not T.DATETIME:
        return None
    one, two = left.constant, right.constant
    if not isinstance(one, int) or not isinstance(two, int):
        return None
    return _COMPARE[operator](one, two)


def equals(  # noqa: PLR0911 - one a case of nulls
    left: Bound, right: Bound, *, is_filter: bool, is_negated: bool = False
) -> Bound:
    """Whether two values of one type are the same, or are not."""
    sql = f"({left.sql} {'!=' if is_negated else '='} {right.sql})"
    sure = 1 if is_negated else 0
    if left.constant is None and right.constant is None:
        return null(T.BOOL)
    if left.constant is None or right.constant is None:
        other = right if left.constant is None else left
        if not other.is_nullable:
            return Bound(T.BOOL, str(sure), is_nullable=False)
        return Bound(T.BOOL, f"if(isNull({other.sql}), NULL, {sure})")
    known = _compared("!=" if is_negated else "==", left, right)
    if known is not None:
        return Bound(T.BOOL, str(known).lower(), is_nullable=False, constant=known)
    if not left.is_nullable and not right.is_nullable:
        return Bound(T.BOOL, sql, is_nullable=False)
    if is_filter and not is_negated:
        return Bound(T.BOOL, sql)
    if left.is_nullable and right.is_nullable:
        return Bound(T.BOOL, f"if(isNull({left.sql}) != isNull({right.sql}), {sure}, {sql})")
    return Bound(T.BOOL, f"ifNull({sql}, {sure})", is_nullable=False)


def _order(operator: str, left: Bound, right: Bound) -> Bound:
    if left.constant is None or right.constant is None:
        return null(T.BOOL)
    known = _compared(operator, left, right)
    if known is not None:
        return Bound(T.BOOL, str(known).lower(), is_nullable=False, constant=known)
    sql = f"({left.sql} {operator} {right.sql})"
    return Bound(T.BOOL, sql, is_nullable=left.is_nullable or right.is_nullable)


def fold_case(bound: Bound, scope: Scope) -> str:
    """The text in lower case, where it is known when compiling already so."""
    if is_constant(bound):
        return bind_text(scope, str(bound.constant).lower())
    return f"lowerUTF8({text_sql(bound)})"


def _compare_folded(operator: str, left: Bound, right: Bound, scope: Scope) -> Bound:
    sign = "=" if operator == "=~" else "!="
    sql = f"({fold_case(left, scope)} {sign} {fold_case(right, scope)})"
    return Bound(T.BOOL, sql, is_nullable=False)


# ------------------------------------------------------------------------------ types of a pair


def pair(  # noqa: PLR0911 - one a pair of types
    left: Bound, right: Bound, scope: Scope, operator: str, span: Span
) -> tuple[Bound, Bound] | None:
    """Both sides as one type in which they compare, or None when they do not.

    `span` is not used for a diagnostic here; it says where the operator stands.
    """
    del span
    if left.type is right.type and left.type is not T.DYNAMIC:
        return _clamped(left), _clamped(right)
    if left.type in NUMBERS and right.type in NUMBERS:
        return left, right
    if T.DYNAMIC in {left.type, right.type}:
        return _pair_dynamic(left, right, scope, operator)
    kinds = {left.type, right.type}
    if kinds == {T.BOOL, T.STRING}:
        return _pair_truth(left, right, scope)
    if kinds == {T.GUID, T.STRING}:
        return _lowered_guid(left), _lowered_guid(right)
    if T.BOOL in kinds and kinds & NUMBERS:
        return _counted(left, scope), _counted(right, scope)
    if operator in _SQL and T.STRING in kinds:
        return _pair_text(left, right, scope)
    return None


def _counted(bound: Bound, scope: Scope) -> Bound:
    """A bool beside a number is 1 or 0."""
    if bound.type is not T.BOOL:
        return bound
    if isinstance(bound.constant, bool):
        return bind_constant(scope, T.LONG, int(bound.constant))
    return convert(bound, T.LONG, scope)


def _pair_text(left: Bound, right: Bound, scope: Scope) -> tuple[Bound, Bound]:
    """A text beside a number, a time or a span is read as one; what cannot be is null."""
    text, other = (left, right) if left.type is T.STRING else (right, left)
    read = convert(text, T.REAL if other.type in NUMBERS else other.type, scope)
    return (read, other) if left is text else (other, read)


def _clamped(bound: Bound) -> Bound:
    """A constant datetime beyond the engine's range, as the end of the range.

    Every stored time is before 9999 and after 1600, so a comparison stays right.
    """
    if bound.type is not T.DATETIME or not isinstance(bound.constant, int):
        return bound
    if ticks.is_storable(bound.constant):
        return bound
    end = "9223372036854775807" if bound.constant > ticks.EPOCH else "-9223372036854775808"
    return replace(bound, sql=f"fromUnixTimestamp64Nano(toInt64({end}), 'UTC')", is_nullable=False)


def _pair_dynamic(
    left: Bound, right: Bound, scope: Scope, operator: str
) -> tuple[Bound, Bound] | None:
    if left.type is right.type:
        if operator in _SQL:
            return as_json(left), as_json(right)
        return convert(left, T.REAL, scope), convert(right, T.REAL, scope)
    dynamic, other = (left, right) if left.type is T.DYNAMIC else (right, left)
    if other.type is T.STRING:
        taken = _text_or_null(dynamic, other, scope)
    else:
        wanted = T.REAL if other.type in NUMBERS else other.type
        taken = convert(dynamic, wanted, scope)
    other = _clamped(other)
    return (taken, other) if left.type is T.DYNAMIC else (other, taken)


def _text_or_null(dynamic: Bound, other: Bound, scope: Scope) -> Bound:
    """A dynamic's text beside another: a missing one must not equal an empty text.

    Beside a text that is not empty it cannot, and then the plain text is enough.
    """
    if is_constant(other) and other.constant and is_constant(dynamic) is False:
        return Bound(T.STRING, text_sql(dynamic), is_nullable=False)
    if dynamic.constant is None:
        return Bound(T.STRING, "CAST(NULL, 'Nullable(String)')", constant=None)
    if not dynamic.is_nullable or is_constant(dynamic):
        return convert(dynamic, T.STRING, scope)
    if dynamic.plain and dynamic.sql != dynamic.plain:
        return Bound(T.STRING, dynamic.sql)
    sql = f"if(isNull({dynamic.sql}), NULL, {text_sql(dynamic)})"
    return Bound(T.STRING, sql)


def _pair_truth(left: Bound, right: Bound, scope: Scope) -> tuple[Bound, Bound]:
    text, truth = (left, right) if left.type is T.STRING else (right, left)
    if is_constant(truth) and not is_constant(text):
        word = "true" if truth.constant else "false"
        one = Bound(T.STRING, f"lower({text.sql})", is_nullable=False)
        other = bind_constant(scope, T.STRING, None if truth.constant is None else word)
    else:
        one, other = convert(text, T.BOOL, scope), truth
    return (one, other) if left is text else (other, one)


def _lowered_guid(bound: Bound) -> Bound:
    if bound.type is T.GUID:
        return replace(bound, type=T.STRING)
    return Bound(T.STRING, f"lower({bound.sql})", is_nullable=False, constant=bound.constant)


def _mismatch(node: syntax.Binary, left: Bound, right: Bound) -> tuple[str, Span, str]:
    one, two = left.type, right.type
    message = f'"{node.operator}" cannot compare a {one.value} with a {two.value}'
    return message, node.operator_span, _hint(left, right)


def _hint(left: Bound, right: Bound) -> str:
    other = right if left.type is T.STRING else left
    constant = next((each.constant for each in (left, right) if is_constant(each)), None)
    if left.type is right.type is T.STRING:
        return "Convert them: tolong(…), todatetime(…); texts are ordered by strcmp(a, b) < 0."
    if T.STRING in {left.type, right.type}:
        if other.type in NUMBERS and isinstance(constant, (int, float)):
            return f'Compare texts with a text: "{constant}"; or convert: toint(…), todouble(…).'
        if other.type is T.DATETIME:
            return "Write the time as datetime(2026-11-25 10:00), or convert: todatetime(…)."
        if other.type is T.TIMESPAN:
            return "Write the span as 1h or 30m, or convert: totimespan(…)."
    if {left.type, right.type} == {T.DATETIME, T.TIMESPAN}:
        return "Compare with a time: ago(1h)."
    return "Convert one of them: tostring(…), tolong(…), todatetime(…)."


# -------------------------------------------------------------------------------------- between


def bind_between(
    node: syntax.Between, value: Bound, ends: tuple[Bound, Bound], scope: Scope
) -> Bound:
    """`value between (low .. high)`; a timespan above a datetime is added to the low end."""
    low, high = ends
    for each in (value, low, high):
        if has_failed(each):
            return each
    if low.type is T.DATETIME and high.type is T.TIMESPAN:
        high = add(low, high, scope)
    lower = pair(value, low, scope, ">=", node.span)
    upper = pair(value, high, scope, "<=", node.span)
    if lower is None or upper is None or lower[0].type not in _ORDERED:
        found = f"{value.type.value}, {low.type.value} and {high.type.value}"
        hint = _hint(value, low if lower is None else high)
        return fail(scope, "wrong_type", f"between cannot compare {found}", node.span, hint)
    first, last = _order(">=", *lower), _order("<=", *upper)
    if first.constant is None or last.constant is None:
        return null(T.BOOL)
    sql = f"({first.sql} AND {last.sql})"
    if node.is_negated:
        sql = f"(NOT {sql})"
    return Bound(T.BOOL, sql, is_nullable=first.is_nullable or last.is_nullable)
