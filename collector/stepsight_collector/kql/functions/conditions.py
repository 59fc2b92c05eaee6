"""Conditions: `iff`, `case`, `coalesce`, `isnull`, `isempty`, `min_of`, `max_of`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import NUMBERS, as_json, convert, text_sql
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.literals import bind_constant, is_constant
from stepsight_collector.kql.scope import Bound, Form, Scope
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS", "unify"]

T = ScalarType
_RANK: Final = {T.INT: 0, T.LONG: 1, T.REAL: 2, T.DECIMAL: 3}


def unify(values: Sequence[Bound], scope: Scope) -> tuple[ScalarType, list[Bound]] | None:
    """The values as one type: the widest of numbers, a dynamic where one is dynamic.

    None if they have no type in common. A null of any type fits.
    """
    kinds = {each.type for each in values if each.constant is not None} or {values[0].type}
    if len(kinds) == 1:
        kind = kinds.pop()
    elif kinds <= NUMBERS:
        kind = max(kinds, key=lambda each: _RANK[each])
    elif T.DYNAMIC in kinds:
        kind = T.DYNAMIC
    else:
        return None
    if kind is T.DYNAMIC and all(each.form is Form.TEXT for each in values):
        return kind, list(values)
    if kind is T.DYNAMIC:
        return kind, [as_json(each) for each in values]
    return kind, [_as_kind(each, kind, scope) for each in values]


def _as_kind(value: Bound, kind: ScalarType, scope: Scope) -> Bound:
    """Of the same engine type in every branch, so that the engine finds a common one."""
    if is_constant(value) and value.type in NUMBERS and value.type is not kind:
        if kind is T.REAL and value.constant is not None:
            return bind_constant(scope, T.REAL, float(str(value.constant)))
        return convert(value, kind, scope)
    return convert(value, kind, scope)


def _result(
    kind: ScalarType, sql: str, values: Sequence[Bound], *, nullable: bool | None = None
) -> Bound:
    is_nullable = any(each.is_nullable for each in values) if nullable is None else nullable
    form = Form.TEXT if kind is T.DYNAMIC and values[0].form is Form.TEXT else Form.JSON
    return Bound(kind, sql, is_nullable=is_nullable, form=form)


def _mismatch(call: Invocation, values: Sequence[Bound]) -> Bound:
    kinds = ", ".join(dict.fromkeys(each.type.value for each in values))
    message = f"{call.node.name} wants values of one type, found {kinds}"
    return call.fail("wrong_type", message, "Convert them: tostring(…), todouble(…).")


def _iff(call: Invocation) -> Bound:
    condition, values = call.arguments[0], call.arguments[1:]
    unified = unify(values, call.scope)
    if unified is None:
        return _mismatch(call, values)
    kind, (yes, no) = unified
    return _result(kind, f"if({condition.sql}, {yes.sql}, {no.sql})", (yes, no))


def _case(call: Invocation) -> Bound:
    if len(call.arguments) % 2 == 0:
        message = f"case wants pairs and a last value, found {len(call.arguments)} arguments"
        return call.fail("wrong_arguments", message, "It is case(condition, value, …, otherwise).")
    conditions, values = call.arguments[:-1:2], [*call.arguments[1:-1:2], call.arguments[-1]]
    wrong = next(
        (i for i, each in enumerate(conditions) if each.type not in {T.BOOL, T.DYNAMIC}), None
    )
    if wrong is not None:
        message = f"case wants a condition here, found a {conditions[wrong].type.value}"
        return call.fail("wrong_type", message, "Conditions and values take turns.", 2 * wrong)
    unified = unify(values, call.scope)
    if unified is None:
        return _mismatch(call, values)
    kind, values = unified
    tests = (convert(each, T.BOOL, call.scope) for each in conditions)
    parts = [f"{test.sql}, {value.sql}" for test, value in zip(tests, values, strict=False)]
    return _result(kind, f"multiIf({', '.join(parts)}, {values[-1].sql})", values)


def _coalesce(call: Invocation) -> Bound:
    unified = unify(call.arguments, call.scope)
    if unified is None:
        return _mismatch(call, call.arguments)
    kind, values = unified
    if kind is T.STRING:
        rest = ", ".join(f"nullIf({each.sql}, '')" for each in values[:-1])
        joined = f"coalesce({rest}, {values[-1].sql})" if rest else values[-1].sql
        return Bound(kind, joined, is_nullable=False)
    if kind is T.DYNAMIC and values[0].form is Form.TEXT:
        values = [Bound(kind, f"nullIf({each.sql}, '')", form=Form.TEXT) for each in values]
    is_nullable = all(each.is_nullable for each in values)
    sql = f"coalesce({', '.join(each.sql for each in values)})"
    return _result(kind, sql, values, nullable=is_nullable)


def _extreme(name: str) -> Function:
    def emit(call: Invocation) -> Bound:
        unified = unify(call.arguments, call.scope)
        if unified is None:
            return _mismatch(call, call.arguments)
        kind, values = unified
        if kind is T.DYNAMIC:
            kind, values = T.REAL, [convert(each, T.REAL, call.scope) for each in call.arguments]
        engine = "greatest" if name == "max" else "least"
        pick = f"array{name.capitalize()}"
        if not any(each.is_nullable for each in values):
            return _result(kind, f"{engine}({', '.join(each.sql for each in values)})", values)
        array = f"arrayFilter(e -> isNotNull(e), [{', '.join(each.sql for each in values)}])"
        return Bound(kind, f"if(empty({array}), NULL, {pick}({array}))")

    word = "largest" if name == "max" else "smallest"
    return Function(
        f"{name}_of", "value:any*", None, emit,
        f"The {word} of the values; nulls are passed over.", f"print {name}_of(1, 2.5)", 2,
    )  # fmt: skip


def _isnull(call: Invocation) -> Bound:
    value = call.arguments[0]
    if not value.is_nullable or value.type is T.STRING or value.form is Form.MAP:
        return Bound(T.BOOL, "0", is_nullable=False)
    return Bound(T.BOOL, f"isNull({value.sql})", is_nullable=False)


def _isnotnull(call: Invocation) -> Bound:
    value = call.arguments[0]
    if not value.is_nullable or value.type is T.STRING or value.form is Form.MAP:
        return Bound(T.BOOL, "1", is_nullable=False)
    return Bound(T.BOOL, f"isNotNull({value.sql})", is_nullable=False)


def _is_text_like(value: Bound) -> bool:
    return value.type is T.STRING or value.type is T.DYNAMIC


def _isempty(call: Invocation) -> Bound:
    value = call.arguments[0]
    if not _is_text_like(value):
        return _isnull(call)
    if value.form is Form.MAP:
        return Bound(T.BOOL, f"empty({value.sql})", is_nullable=False)
    return Bound(T.BOOL, f"({text_sql(value)} = '')", is_nullable=False)


def _isnotempty(call: Invocation) -> Bound:
    value = call.arguments[0]
    if not _is_text_like(value):
        return _isnotnull(call)
    if value.form is Form.MAP:
        return Bound(T.BOOL, f"notEmpty({value.sql})", is_nullable=False)
    return Bound(T.BOOL, f"({text_sql(value)} != '')", is_nullable=False)


FUNCTIONS: Final = (
    *alias(
        Function(
            "iff", "condition:bool, then:any, otherwise:any", None, _iff,
            "The second value if the condition is true, else the third.",
            'print iff(1 < 2, "yes", "no")', 1,
        ),
        "iif",
    ),
    Function(
        "case", "condition:any, value:any, otherwise:any*", None, _case,
        "The value behind the first condition that is true, else the last value.",
        'print case(1 > 2, "a", 2 > 1, "b", "c")', 1,
    ),
    Function(
        "coalesce", "value:any*", None, _coalesce,
        "The first value that is neither null nor an empty text.",
        'print coalesce("", "b")', 1,
    ),
    _extreme("min"),
    _extreme("max"),
    Function(
        "isnull", "value:any", None, _isnull,
        "Whether the value is null; a string never is.",
        "print isnull(long(null))", 1,
    ),
    *alias(
        Function(
            "isnotnull", "value:any", None, _isnotnull,
            "Whether the value is not null.",
            "print isnotnull(5)", 1,
        ),
        "notnull",
    ),
    Function(
        "isempty", "value:any", None, _isempty,
        "Whether the value is an empty text or null.",
        'print isempty("")', 1,
    ),
    *alias(
        Function(
            "isnotempty", "value:any", None, _isnotempty,
            "Whether the value is neither an empty text nor null.",
            'print isnotempty("a")', 1,
        ),
        "notempty",
    ),
)  # fmt: skip
