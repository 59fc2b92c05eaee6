"""What the operators' binders share while one query is bound, and small tools of theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn, Protocol

from stepsight_collector.kql.emit import order_sql
from stepsight_collector.kql.errors import Diagnostic, KqlError
from stepsight_collector.kql.failing import has_failed
from stepsight_collector.kql.plan import HIDDEN, Relation, inputs
from stepsight_collector.kql.scope import (
    MAX_EXPANSIONS,
    UNKNOWN,
    Bound,
    Scope,
    quote_identifier,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepsight_collector.kql.plan import Node, Rendering
    from stepsight_collector.kql.scope import Statement
    from stepsight_collector.kql.syntax import Operator, Span

__all__ = ["Context", "as_column", "inner_scope", "refusal", "refuse", "relation_on", "unique_name"]

MAX_NODES = 3000
MAX_NODE_DEPTH = 220
LABEL_LENGTH = 160
_OPERATOR = re.compile(r"[\w-]+")


class BindOperators(Protocol):
    """Binds operators on a relation, for those that have operators inside."""

    def __call__(
        self, relation: Relation, operators: Iterable[Operator], scope: Scope
    ) -> Relation: ...


@dataclass(slots=True)
class Context:
    """One query that is being bound.

    `timespan` is (start, end) in ticks; a bound that is None is open. `scans` are the tables that
    it reads, each bound once.
    """

    statement: Statement
    text: str
    project: str
    timespan: tuple[int | None, int | None] = (None, None)
    warnings: list[Diagnostic] = field(default_factory=list)
    scans: dict[str, Relation] = field(default_factory=dict)
    rendering: Rendering | None = None
    depth: int = 0
    bind_operators: BindOperators = field(init=False)
    _names: int = 0
    _sizes: dict[int, tuple[Node, tuple[int, int]]] = field(default_factory=dict)

    def fresh(self) -> str:
        """A hidden name that nothing else in this query has."""
        self._names += 1
        return f"{HIDDEN}{self._names}"

    def label(self, span: Span) -> str:
        """What the query says there, on one line: a plan shows it."""
        text = " ".join(self.text[span.start : span.end].split())
        return text if len(text) <= LABEL_LENGTH else text[: LABEL_LENGTH - 1] + "…"

    def word(self, span: Span) -> str:
        """The operator that stands there, as written."""
        found = _OPERATOR.match(self.text, span.start)
        return found.group() if found else ""

    def count_expansion(self, span: Span) -> None:
        """Note one more table or function; raises KqlError when there are too many."""
        self.statement.expansions += 1
        if self.statement.expansions > MAX_EXPANSIONS:
            refuse(
                "limit",
                f"the query reads tables and calls functions more than {MAX_EXPANSIONS} times",
                span,
                "Each use of a let name counts as what it stands for. Use fewer of them.",
            )

    def check_size(self, node: Node, span: Span) -> None:
        """Raise KqlError for a plan that is too large or too deep once it is written out.

        What two nodes stand on counts twice, but each node is looked at once.
        """
        size, depth = self._size(node)
        if size > MAX_NODES or depth > MAX_NODE_DEPTH:
            text = f"the query has too many stages: {size} once it is written out, {depth} deep"
            hint = "Each use of a let name counts as what it stands for. Use fewer of them."
            refuse("limit", text, span, hint)

    def _size(self, node: Node) -> tuple[int, int]:
        known = self._sizes.get(id(node))
        if known is None:
            below = [self._size(each) for each in inputs(node)]
            size = 1 + sum(each[0] for each in below)
            depth = 1 + max((each[1] for each in below), default=0)
            known = self._sizes[id(node)] = node, (size, depth)
        return known[1]


def refusal(code: str, message: str, span: Span, hint: str = "") -> KqlError:
    """What to raise where nothing that follows can be bound."""
    return KqlError([Diagnostic(code, message, span, hint)])


def refuse(code: str, message: str, span: Span, hint: str = "") -> NoReturn:
    """Raise KqlError: without this part nothing that follows it can be bound."""
    raise refusal(code, message, span, hint)


def as_column(name: str, bound: Bound) -> Bound:
    """What stands on a stage sees of an expression that the stage gives under a name."""
    constant = bound.constant if has_failed(bound) else UNKNOWN
    return replace(bound, sql=quote_identifier(name), constant=constant, plain="")


def inner_scope(relation: Relation, scope: Scope) -> Scope:
    """The scope of an expression that stands in an operator with this input."""
    columns = relation.columns
    if relation.outer:  # behind the others, which win
        columns = {**columns, **relation.outer, **columns}
    window = _window(relation)
    return Scope(scope.statement, columns, scope.variables, window, relation.name, relation.stage)


def _window(relation: Relation) -> str | None:
    if relation.order is None:
        return None
    parts = ", ".join(quote_identifier(name) for name in relation.partition)
    keys = order_sql(relation.order)
    return " ".join(
        each for each in (parts and f"PARTITION BY {parts}", keys and f"ORDER BY {keys}") if each
    )


def relation_on(relation: Relation, node: Node, columns: Mapping[str, Bound]) -> Relation:
    """A relation with other columns whose rows stand as before."""
    return replace(relation, node=node, columns=columns)


def unique_name(name: str, taken: Mapping[str, object] | set[str]) -> str:
    """The name, or the first of name1, name2 … that is not taken."""
    if name not in taken:
        return name
    number = 1
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"
