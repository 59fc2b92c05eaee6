"""The names of columns that an operator makes: given ones, default ones, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.kql import scalars, syntax
from stepsight_collector.kql.context import refuse, unique_name
from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.names import default_name
from stepsight_collector.kql.plan import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.scope import Bound, Scope

__all__ = ["Defined", "check_name", "define", "named_parts", "report_twice", "several", "unique"]


@dataclass(frozen=True, slots=True)
class Defined:
    """An expression bound under a name.

    `is_named`: the query gives the name; `is_unnamed`: it is Column1, Column2 or so.
    """

    name: str
    bound: Bound
    is_named: bool
    span: syntax.Span
    is_unnamed: bool = False


def define(expressions: Iterable[syntax.Expression], scope: Scope) -> list[Defined]:
    """Bind each expression and name it, as `project`, `extend`, `by` and `distinct` do.

    What has no name of its own is Column1, Column2 …, counted over such columns only. Names are
    not made unique here.
    """
    defined: list[Defined] = []
    unnamed = 0
    for expression in expressions:
        names, value = named_parts(expression)
        columns = several(names, value, expression.span, scope)
        if columns:
            defined.extend(columns)
            continue
        bound = scalars.bind(value, scope)
        name = names[0] if names else default_name(value, scope)
        if name is None:
            unnamed += 1
            name = f"Column{unnamed}"
            defined.append(Defined(name, bound, is_named=False, span=value.span, is_unnamed=True))
            continue
        defined.append(Defined(name, bound, bool(names), expression.span))
    return defined


def several(
    names: tuple[str, ...], value: syntax.Expression, span: syntax.Span, scope: Scope
) -> list[Defined]:
    """The columns of an expression that gives several; empty if it gives one.

    Those without a name are called like the argument that they are made of: `x_sorted`. More names
    than columns are refused.
    """
    bounds = scalars.bind_several(value, scope) or []
    if len(names) > max(1, len(bounds)):
        refuse(
            "unsupported",
            f"the expression gives {len(bounds)} columns, not {len(names)}"
            if bounds
            else "the expression gives one column, not several",
            span,
            "" if bounds else "Write a column of its own for each value.",
        )
    made: dict[str, Defined] = {}
    for place, bound in enumerate(bounds):
        if place < len(names):
            made[names[place]] = Defined(names[place], bound, is_named=True, span=span)
            continue
        argument = value.arguments[place] if isinstance(value, syntax.Call) else value
        name = unique_name(f"{default_name(argument, scope) or 'array'}_sorted", made)
        made[name] = Defined(name, bound, is_named=False, span=span)
    if len(made) < len(bounds):
        report_twice(names[0], span, scope)
    return list(made.values())


def named_parts(expression: syntax.Expression) -> tuple[tuple[str, ...], syntax.Expression]:
    """The names that an expression is given, if any, and the expression."""
    if isinstance(expression, syntax.Named):
        for name in expression.names:
            check_name(name, expression.names_span)
        return expression.names, expression.expression
    return (), expression


def check_name(name: str, span: syntax.Span) -> None:
    """Refuse a name that the compiler keeps for itself."""
    if name.startswith(HIDDEN):
        refuse("bad_value", f'a column\'s name cannot begin with "{HIDDEN}"', span)


def unique(defined: Defined, taken: dict[str, Bound], scope: Scope) -> str:
    """The name under which a column can stand beside others; a name given twice is reported."""
    if defined.name in taken and defined.is_named:
        report_twice(defined.name, defined.span, scope)
    return unique_name(defined.name, taken)


def report_twice(name: str, span: syntax.Span, scope: Scope) -> None:
    """Note that two columns are to have one name."""
    scope.statement.diagnostics.append(
        Diagnostic(
            "ambiguous",
            f'two columns would be named "{name}"',
            span,
            "Give one of them another name.",
        )
    )
