"""What is wrong with a query in KQL, for programs and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepsight_collector.api.errors import ApiError
from stepsight_collector.kql.report import format_diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepsight_collector.kql.errors import Diagnostic

__all__ = ["bad_query", "diagnostic_documents", "place"]


def bad_query(text: str, diagnostics: tuple[Diagnostic, ...]) -> ApiError:
    """Return the answer to a query that does not compile."""
    first = diagnostics[0]
    line, column = place(text, first.span.start)
    return ApiError(
        400,
        "bad_query",
        f"query:{line}:{column} {first.message}",
        first.hint,
        details={
            "report": format_diagnostics(text, diagnostics),
            "diagnostics": diagnostic_documents(text, diagnostics),
        },
    )


def diagnostic_documents(text: str, diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Return diagnostics as JSON objects; `line` and `column` count from 1."""
    return [_document(text, diagnostic) for diagnostic in diagnostics]


def place(text: str, position: int) -> tuple[int, int]:
    r"""Return line and column, from 1, of a character offset.

    >>> place("traces\n| take 1", 9)
    (2, 3)
    """
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")


def _document(text: str, diagnostic: Diagnostic) -> dict[str, Any]:
    line, column = place(text, diagnostic.span.start)
    return {
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "start": diagnostic.span.start,
        "end": diagnostic.span.end,
        "line": line,
        "column": column,
    }
