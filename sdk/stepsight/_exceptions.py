"""An exception as attributes: OpenTelemetry's three, and its whole chain with frames.

`stepsight.exception.details` has the shape that Application Insights gives exceptions, so that rows
from any client answer the same questions.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import traceback
    from collections.abc import Iterator

__all__ = ["exception_attributes"]

MAX_CHAIN = 10
MAX_FRAMES = 100
MAX_MESSAGE_CHARS = 4096


def exception_attributes(kind: Any, value: Any, trace: Any) -> dict[str, str]:
    """Type, message, stack trace, and details: a JSON list, the exception itself first.

    Each has `id`, `outerId` (of the one that it caused; 0 for the first), `typeName`, `message`,
    `hasFullStack` and `parsedStack`, frames with `level` (0 is where it was raised), `method`,
    `fileName` and `line`. At most 10 exceptions of 100 frames each; of more the innermost are kept.
    """
    import traceback

    seen = traceback.TracebackException(kind, value, trace)
    return {
        "exception.type": type_name(kind),
        "exception.message": str(seen),
        "exception.stacktrace": "".join(seen.format()),
        "stepsight.exception.details": json.dumps(list(_details(seen)), ensure_ascii=False),
    }


def type_name(kind: Any) -> str:
    """The class's name with its module, but for builtins and the script itself."""
    name: str = kind.__qualname__
    return name if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{name}"


def _details(seen: traceback.TracebackException) -> Iterator[dict[str, Any]]:
    waiting: list[tuple[traceback.TracebackException, int]] = [(seen, 0)]
    number = 0
    while waiting and number < MAX_CHAIN:
        one, outer = waiting.pop(0)
        number += 1
        frames = list(reversed(one.stack))[:MAX_FRAMES]
        yield {
            "id": number,
            "outerId": outer,
            "typeName": _type_of(one),
            "message": str(one)[:MAX_MESSAGE_CHARS],
            "hasFullStack": len(frames) == len(one.stack),
            "parsedStack": [
                {
                    "level": level,
                    "method": frame.name,
                    "fileName": frame.filename,
                    "line": frame.lineno,
                }
                for level, frame in enumerate(frames)
            ],
        }
        waiting += [(inner, number) for inner in _inner(one)]


def _type_of(one: traceback.TracebackException) -> str:
    if sys.version_info >= (3, 13):  # where `exc_type` warns
        return one.exc_type_str or ""
    return type_name(one.exc_type) if one.exc_type is not None else ""


def _inner(one: traceback.TracebackException) -> list[traceback.TracebackException]:
    """What caused an exception, by `raise … from`, while handling, or as members of a group."""
    members = list(getattr(one, "exceptions", None) or ())
    if one.__cause__ is not None:
        return [one.__cause__, *members]
    if one.__context__ is not None and not one.__suppress_context__:
        return [one.__context__, *members]
    return members
