"""Errors of the query API, as clients see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ApiError", "bad_request", "not_found"]


class ApiError(Exception):
    """A request that is answered with an error.

    It has an HTTP status, a code for programs, a sentence and advice for people; `details` are
    further fields of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str = "",
        candidates: list[str] | None = None,
        *,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.hint = hint
        self.candidates = candidates
        self.details = details or {}

    def document(self) -> dict[str, Any]:
        """The `error` object of the answer."""
        document: dict[str, Any] = {"code": self.code, "message": str(self), "hint": self.hint}
        if self.candidates is not None:
            document["candidates"] = self.candidates
        return {**document, **self.details}


def bad_request(message: str, hint: str = "") -> ApiError:
    """A request whose parameters cannot be used."""
    return ApiError(400, "bad_request", message, hint)


def not_found(message: str, hint: str = "") -> ApiError:
    """The thing asked about does not exist."""
    return ApiError(404, "not_found", message, hint)
