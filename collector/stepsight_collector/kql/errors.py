"""What is wrong with a query, as data and as text.

Exceptions:
    KqlError    a query cannot be compiled; holds one or more diagnostics
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.syntax import Span

__all__ = ["Diagnostic", "KqlError"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong: where, what was expected and found, and what to write instead.

    `code` is one of: syntax, unknown_table, unknown_column, unknown_function, unknown_operator,
    unsupported, wrong_type, wrong_arguments, ambiguous, bad_value, limit.
    """

    code: str
    message: str
    span: Span
    hint: str = ""


class KqlError(Exception):
    """A query cannot be compiled. `diagnostics` has at least one entry, in the text's order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(each.message for each in self.diagnostics))
