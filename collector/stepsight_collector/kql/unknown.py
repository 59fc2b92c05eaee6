"""What is said of a column that is not there: where it is missing, and what there is instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.plan import HIDDEN
from stepsight_collector.kql.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from stepsight_collector.kql.scope import Scope

__all__ = ["MAX_SHOWN", "names_there", "unknown_column"]

MAX_SHOWN = 12  # names in a hint


def unknown_column(
    name: str, scope: Scope, *, variables: Iterable[str] = (), otherwise: str = ""
) -> tuple[str, str]:
    """Message and hint for a name that is none of the scope's columns, nor of `variables`.

    The hint is the name that is near, else `otherwise`, else what there is.
    """
    columns = [each for each in scope.columns if not each.startswith(HIDDEN)]
    hint = did_you_mean(name, dict.fromkeys((*columns, *variables)))
    return f'unknown column "{name}"{_place(scope)}', hint or otherwise or names_there(columns)


def _place(scope: Scope) -> str:
    if not scope.columns:
        return ""
    if scope.stage:
        return f" after {scope.stage}"
    is_table = scope.source in scope.statement.schema.tables
    return f" in {'table ' if is_table else ''}{scope.source}" if scope.source else ""


def names_there(names: Collection[str]) -> str:
    """A sentence with the first of the names of tables or columns that there are."""
    if not names:
        return "No column can be read here."
    if len(names) == 1:
        return f"There is only {next(iter(names))}."
    shown = ", ".join(list(names)[:MAX_SHOWN])
    return f"There are {shown}{' …' if len(names) > MAX_SHOWN else ''}."
