"""What a function is: a row of the closed table, and a call of it.

A function that is not in the table is refused by name: the engine's own never pass through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import NUMBERS, as_json, as_text, convert, text_sql
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.literals import is_constant
from stepsight_collector.kql.scope import Bound, Form
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.scope import Scope

__all__ = [
    "Formal",
    "Function",
    "Invocation",
    "alias",
    "as_array_or_bag",
    "call_function",
    "formals_of",
]

T = ScalarType
_FORMAL: Final = re.compile(
    r"(?P<name>\w+)(?P<optional>\?)?:(?P<constant>=)?(?P<kind>\w+)(?P<many>\*)?"
)


@dataclass(frozen=True, slots=True)
class Formal:
    """A formal argument.

    `kind` is a type's name, or: any; text (any value, as tostring() has it); number; bag (a dynamic
    in any form); type (`typeof(long)`). Of `is_many` there is at least one.
    """

    name: str
    kind: str
    is_optional: bool = False
    is_constant: bool = False
    is_many: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function of KQL.

    `signature` lists the formal arguments: `text:string, start:long, length?:long`; `*` behind the
    last says one or more of it, `=` before a kind that it must be a constant. `emit` is SQL with
    the arguments' in the places {0}, {1} …, or makes the whole `Bound`. `result` is the type where
    `emit` is SQL. `naming` says whose name an unnamed column takes: "" none, "first" the first
    argument's, else a prefix to that.
    """

    name: str
    signature: str
    result: ScalarType | None
    emit: str | Callable[[Invocation], Bound]
    doc: str
    example: str
    tier: int = 2
    naming: str = ""
    differences: str = ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call with its arguments bound; after `call_function` they have the formals' types."""

    node: syntax.Call
    arguments: tuple[Bound, ...]
    scope: Scope

    def sql(self, place: int) -> str:
        """An argument's SQL."""
        return self.arguments[place].sql

    def has(self, place: int) -> bool:
        """Whether an optional argument was given."""
        return place < len(self.arguments)

    def constant(self, place: int, default: object = None) -> object:
        """A constant argument's value."""
        return self.arguments[place].constant if self.has(place) else default

    def text(self, value: str) -> str:
        """A text of ours made of the user's, as a placeholder."""
        return self.scope.statement.parameters.add(value, "String")

    def made(self, kind: ScalarType, sql: str, *, nullable: bool | None = None) -> Bound:
        """The result; by default it may be null if an argument may, and a string never is."""
        is_nullable = (
            any(each.is_nullable for each in self.arguments) if nullable is None else nullable
        )
        if kind is T.STRING and is_nullable:
            return Bound(kind, f"ifNull({sql}, '')", is_nullable=False)
        return Bound(kind, sql, is_nullable=is_nullable)

    def fail(self, code: str, message: str, hint: str = "", place: int | None = None) -> Bound:
        """Report a fault of the call, or of one of its arguments."""
        span = self.node.span if place is None else self.node.arguments[place].span
        return fail(self.scope, code, message, span, hint)


def alias(function: Function, *names: str) -> tuple[Function, ...]:
    """The function, and the same by other names."""
    others = (
        Function(
            name,
            function.signature,
            function.result,
            function.emit,
            f"The same as {function.name}.",
            re.sub(rf"\b{function.name}\(", f"{name}(", function.example, count=1),
            function.tier,
            function.naming,
            function.differences,
        )
        for name in names
    )
    return (function, *others)


@cache
def formals_of(signature: str) -> tuple[Formal, ...]:
    """The formal arguments that a signature lists.

    >>> formals_of("text:string, index?:long")[1]
    Formal(name='index', kind='long', is_optional=True, is_constant=False, is_many=False)
    """
    return tuple(
        Formal(
            match["name"],
            match["kind"],
            bool(match["optional"]),
            bool(match["constant"]),
            bool(match["many"]),
        )
        for match in _FORMAL.finditer(signature)
    )


def call_function(function: Function, call: Invocation) -> Bound:
    """Check a call against the table's row, and bind it."""
    formals = formals_of(function.signature)
    fault = _count_fault(function, formals, len(call.arguments))
    if fault:
        return call.fail("wrong_arguments", fault, f"It is {function.name}({_shown(formals)}).")
    taken: list[Bound] = []
    failed: Bound | None = None
    for place, argument in enumerate(call.arguments):
        formal = formals[min(place, len(formals) - 1)]
        one = _taken(function, formal, argument, call, place)
        failed = one if has_failed(one) else failed
        taken.append(one)
    if failed is not None:
        return failed
    call = Invocation(call.node, tuple(taken), call.scope)
    if callable(function.emit):
        return function.emit(call)
    sql = function.emit.format(*(each.sql for each in taken))
    return call.made(function.result or T.DYNAMIC, sql)


def _count_fault(function: Function, formals: tuple[Formal, ...], count: int) -> str:
    least = sum(1 for each in formals if not each.is_optional)
    most = len(formals)
    if count >= least and (count <= most or (formals and formals[-1].is_many)):
        return ""
    if formals and formals[-1].is_many:
        wanted = f"at least {least}"
    else:
        wanted = str(least) if least == most else f"{least} to {most}"
    noun = "argument" if wanted == "1" else "arguments"
    return f"{function.name} takes {wanted} {noun}, found {count}"


def _shown(formals: tuple[Formal, ...]) -> str:
    return ", ".join(
        each.name + ("?" if each.is_optional else "") + (", …" if each.is_many else "")
        for each in formals
    )


def _taken(
    function: Function, formal: Formal, argument: Bound, call: Invocation, place: int
) -> Bound:
    """An argument as the formal wants it; FAILED with a diagnostic when it does not fit."""
    if has_failed(argument):
        return argument
    if formal.is_constant and not is_constant(argument):
        message = f"{function.name} wants a constant for {formal.name}"
        return call.fail("wrong_arguments", message, place=place)
    if isinstance(argument.constant, ScalarType) != (formal.kind == "type"):
        message = f"{function.name} wants a {formal.kind} for {formal.name}"
        return call.fail("wrong_type", message, "Types are written typeof(long).", place)
    fitted = _fit(formal.kind, argument, call.scope)
    if fitted is not None:
        return fitted
    message = (
        f"{function.name} wants a {formal.kind} for {formal.name}, found a {argument.type.value}"
    )
    return call.fail("wrong_type", message, _hint(formal.kind, argument), place)


def _fit(kind: str, argument: Bound, scope: Scope) -> Bound | None:  # noqa: PLR0911 - one a kind
    if kind in {"any", "type"}:
        return argument
    if kind == "text":
        return as_text(argument, scope)
    is_dynamic = argument.type is T.DYNAMIC
    if kind == "bag":
        return argument if is_dynamic else None
    if kind == "dynamic":
        return as_array_or_bag(argument)
    if kind == "number":
        if is_dynamic:
            return convert(argument, T.REAL, scope)
        return argument if argument.type in NUMBERS else None
    wanted = T(kind)
    if argument.type is wanted or is_dynamic or _promotes(argument.type, wanted):
        return convert(argument, wanted, scope)
    return None


def as_array_or_bag(argument: Bound) -> Bound | None:
    """A dynamic as JSON, also one whose text is JSON; None for another type."""
    if argument.type is not T.DYNAMIC:
        return None
    return _parsed(argument) if argument.form is Form.TEXT else as_json(argument)


def _parsed(argument: Bound) -> Bound:
    """A dimension's text that is JSON, for a function that wants an array or a bag."""
    text = text_sql(argument)
    sql = f"nullIf(nullIf(JSONExtractRaw({text}), ''), 'null')"
    return Bound(T.DYNAMIC, sql)


def _promotes(found: ScalarType, wanted: ScalarType) -> bool:
    if wanted is T.STRING:
        return found is T.GUID
    if wanted is T.REAL:
        return found in NUMBERS
    return wanted is T.LONG and found is T.INT


def _hint(kind: str, argument: Bound) -> str:
    if kind == "dynamic" and argument.type is T.STRING:
        return "If the text holds JSON, write parse_json(…)."
    if kind == "string":
        return "Write tostring(…)."
    if kind == "number":
        return "Write todouble(…) or tolong(…)."
    return f"Write to{kind}(…)." if kind in {"long", "real", "datetime", "timespan", "bool"} else ""
