"""How the binder of scalars reports what is wrong and goes on.

A part that cannot be bound becomes FAILED, and what is made of FAILED is FAILED, without another
diagnostic: one mistake is reported once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.errors import Diagnostic
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.scope import Scope
    from stepsight_collector.kql.syntax import Span

__all__ = ["FAILED", "fail", "has_failed"]

# A dynamic can stand nearly everywhere.
FAILED: Final = Bound(ScalarType.DYNAMIC, "NULL", constant=Diagnostic)


def fail(scope: Scope, code: str, message: str, span: Span, hint: str = "") -> Bound:
    """Note a diagnostic; returns FAILED for the caller to return."""
    scope.statement.diagnostics.append(Diagnostic(code, message, span, hint))
    return FAILED


def has_failed(bound: Bound) -> bool:
    """Whether a diagnostic stands for this part; also after it became a column."""
    return bound.constant is Diagnostic
