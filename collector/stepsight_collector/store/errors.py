"""What can go wrong in the store.

CollectorError
└── StoreError             the engine did not do what was asked; trying again may help
    ├── StoreRefusedError  the engine refuses these bytes for their content; trying again cannot
    help
    ├── SchemaTooNewError  the store was written by a newer stepsight
    └── QueryError         a query is wrong
        └── QueryLimitError  a query took more time, memory or rows than it may
"""

from __future__ import annotations

import re

from stepsight_collector.errors import CollectorError

__all__ = [
    "QueryError",
    "QueryLimitError",
    "SchemaTooNewError",
    "StoreError",
    "StoreRefusedError",
    "engine_code",
    "engine_message",
    "query_error",
]


class StoreError(CollectorError):
    """The engine did not do what was asked; trying again may help."""


class StoreRefusedError(StoreError):
    """The engine refuses these bytes for their content; trying again cannot help."""


class SchemaTooNewError(StoreError):
    """The store was written by a newer stepsight than this one."""


class QueryError(StoreError):
    """A query is wrong: its text, a name in it, or something that it may not do.

    `code` is ClickHouse's error number, 0 when there is none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class QueryLimitError(QueryError):
    """A query took more time, memory or rows than it may."""


# TIMEOUT_EXCEEDED, TOO_MANY_ROWS, TOO_MANY_BYTES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_ROWS_OR_BYTES,
# QUERY_WAS_CANCELLED
_LIMIT_CODES = frozenset({158, 159, 241, 307, 394, 396})
_CODE = re.compile(r"\bCode:\s*(\d+)")
_NOISE = re.compile(
    r"^.*?DB::(?:Parsing)?Exception:\s*|\s*\(version [^)]*\)|\s*\(for (?:chDB|url)[^)]*\)\s*$",
    re.DOTALL,
)


def query_error(exc: BaseException) -> QueryError:
    """Map the engine's exception: a limit that was reached, or a query that is wrong."""
    code = engine_code(exc)
    kind = QueryLimitError if code in _LIMIT_CODES else QueryError
    return kind(engine_message(exc), code)


def engine_code(exc: BaseException) -> int:
    """ClickHouse's error number in an exception's text; 0 when there is none."""
    match = _CODE.search(str(exc))
    return int(match.group(1)) if match else 0


def engine_message(exc: BaseException) -> str:
    """ClickHouse's own sentence, without version, stack and driver additions."""
    return _NOISE.sub("", str(exc)).split("\nStack trace:")[0].strip()
